package output

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"github.com/hengedb/henge/cmd/henge/internal/records"
)

// Format is how results are printed; it is a flag's value.
type Format string

// The formats.
const (
	Human Format = "human"
	JSON  Format = "json"
)

// Formats returns the words a Format can be.
func Formats() []string { return []string{string(Human), string(JSON)} }

// String returns the word.
func (f *Format) String() string { return string(*f) }

// Type names the flag's type in help texts.
func (f *Format) Type() string { return "format" }

// Set accepts one of Formats.
func (f *Format) Set(s string) error {
	if s != string(Human) && s != string(JSON) {
		return fmt.Errorf("want one of %s", strings.Join(Formats(), ", "))
	}
	*f = Format(s)
	return nil
}

// Printer writes results to one place in one format.
type Printer struct {
	Out      io.Writer
	Format   Format
	Terminal bool // Out is one: values that do not end in a newline get one
}

// Result prints v as JSON, or what human writes.
func (p Printer) Result(v any, human func(w io.Writer) error) error {
	if p.Format == JSON {
		return records.Encode(p.Out, v)
	}
	return human(p.Out)
}

// Table aligns rows in columns; the first row is the heading. No line ends in
// blanks.
func Table(w io.Writer, rows [][]string) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(t, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// Key shows a key on one line: as it is when it is plain text, else quoted, so
// that no key can move the cursor or fake a second line.
func Key(key string) string {
	plain := key != "" && utf8.ValidString(key) && !strings.HasPrefix(key, `"`) &&
		!strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) })
	if plain {
		return key
	}
	return strconv.Quote(key)
}

// orDash fills an empty cell.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// yes words a bool for a table.
func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "no"
}
