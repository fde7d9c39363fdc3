package output

import (
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hengedb/henge/cmd/henge/internal/records"
	"github.com/hengedb/henge/replication/request"
)

// Value is what a key holds: one of siblings is the usual case.
type Value struct {
	Bucket   string                `json:"bucket"`
	Key      string                `json:"key"`
	ETag     string                `json:"etag,omitempty"`
	Context  string                `json:"context,omitempty"`
	Siblings []records.SiblingLine `json:"siblings"`
	Got      int                   `json:"got"`      // distinct nodes that the result rests on
	Required int                   `json:"required"` // R
	Primary  int                   `json:"primary"`
	Answers  []Replica             `json:"answers,omitempty"`
}

// ValueOf turns what a read returned into what is printed.
func ValueOf(bucket, key string, v request.Value) Value {
	out := Value{
		Bucket: bucket, Key: key, ETag: v.ETag, Context: string(v.Context), Siblings: []records.SiblingLine{},
		Got: v.Answers.Got, Required: v.Answers.Need, Primary: v.Answers.Primary, Answers: Replicas(v.Answers.Replicas),
	}
	for _, s := range v.Siblings {
		out.Siblings = append(out.Siblings, records.SiblingOf(s))
	}
	return out
}

// preview is how much of a value a listing shows, in characters.
const preview = 40

// Siblings lists values that stand side by side, and how to make one of them.
func Siblings(w io.Writer, bucket, key string, v request.Value) error {
	if _, err := fmt.Fprintf(w, "%s holds %d siblings, written concurrently:\n\n", Key(key), len(v.Siblings)); err != nil {
		return err
	}
	rows := [][]string{{"ID", "MODIFIED", "BYTES", "TYPE", "VALUE"}}
	for _, s := range v.Siblings {
		rows = append(rows, []string{
			s.ID, s.Modified.UTC().Format(time.RFC3339), fmt.Sprint(s.Size), orDash(s.ContentType), glimpse(s.Data),
		})
	}
	if err := Table(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nread one of them:   %s\nmake it one value:  %s\n",
		CommandLine("henge", "get", key, "--bucket", bucket, "--sibling", v.Siblings[0].ID),
		CommandLine("henge", "put", key, "MERGED", "--bucket", bucket, "--context", string(v.Context)))
	return err
}

// glimpse shows the beginning of a value on one line.
func glimpse(data []byte) string {
	if !utf8.Valid(data) {
		return "(bytes)"
	}
	runes := []rune(string(data[:min(len(data), preview*utf8.UTFMax)]))
	cut := len(runes) > preview || len(data) > preview*utf8.UTFMax
	runes = runes[:min(len(runes), preview)]
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = ' '
		}
	}
	if cut {
		return string(runes) + "…"
	}
	return string(runes)
}
