package output

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Explanation writes why a key is what it is: where it lies, what each node holds
// of it, and what reads would find.
func Explanation(w io.Writer, e request.Explanation) error {
	if _, err := fmt.Fprintf(w, "%s in %s: position %s, partition %d, segment %d, document %s\n",
		Key(e.Key), e.Bucket, e.Position, e.Partition, e.Segment, e.Document); err != nil {
		return err
	}
	if e.Phase != ring.PhaseSteady {
		if _, err := fmt.Fprintf(w, "the partition is in phase %s of a layout change\n", e.Phase); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		title string
		rows  [][]string
	}{
		{"preference list", preference(e)},
		{"what each node holds", held(e)},
		{"what a read would find now", answers(e)},
	} {
		if _, err := fmt.Fprintf(w, "\n%s:\n", part.title); err != nil {
			return err
		}
		if err := Table(w, part.rows); err != nil {
			return err
		}
	}
	return nil
}

func preference(e request.Explanation) [][]string {
	rows := [][]string{{"#", "NAME", "ZONE", "WEIGHT", "ROLE", "HEALTH", "ID", ""}}
	for i, n := range e.Preference {
		rows = append(rows, []string{fmt.Sprint(i + 1), n.Name, orDash(n.Zone), fmt.Sprint(n.Weight), string(n.Role), n.Health, n.Node.String(), moves(e, n)})
	}
	return rows
}

// moves says what becomes of a node's part in a layout change.
func moves(e request.Explanation, n request.PreferenceNode) string {
	switch {
	case slices.Contains(e.Next, n.Node):
		return "will serve"
	case slices.Contains(e.Former, n.Node):
		return "served before"
	case len(e.Next) > 0 && n.Role == request.Primary:
		return "until the change"
	}
	return ""
}

func held(e request.Explanation) [][]string {
	rows := [][]string{{"NAME", "ROLE", "ANSWER", "HOLDS", "STAMP", "DOT", "DIGEST", "HINT"}}
	for _, r := range e.Replicas {
		answer := string(r.Result)
		if r.Detail != "" {
			answer += " (" + r.Detail + ")"
		}
		first := []string{r.Name, string(r.Role), answer}
		last := []string{orDash(r.Digest), hint(e, r.Hint)}
		if r.Result != request.ResultOK && r.Result != request.ResultSame {
			rows = append(rows, row(first, []string{"not known", "-", "-"}, last))
			continue
		}
		rows = append(rows, siblingRows(first, r.Siblings, last)...)
		if r.Hint != nil && len(r.Hint.Siblings) > 0 {
			rows = append(rows, siblingRows([]string{"", "", "in its hint"}, r.Hint.Siblings, []string{"", ""})...)
		}
	}
	return rows
}

// siblingRows gives each sibling a row; what belongs to the node stands in the first.
func siblingRows(first []string, siblings []request.SiblingState, last []string) [][]string {
	if len(siblings) == 0 {
		return [][]string{row(first, []string{"nothing", "-", "-"}, last)}
	}
	var rows [][]string
	for i, s := range siblings {
		if i > 0 {
			first, last = []string{"", "", ""}, []string{"", ""}
		}
		rows = append(rows, row(first, []string{what(s), s.Modified.UTC().Format(time.RFC3339Nano), s.Dot}, last))
	}
	return rows
}

// row joins the parts of a row.
func row(parts ...[]string) []string {
	var cells []string
	for _, p := range parts {
		cells = append(cells, p...)
	}
	return cells
}

// what words one sibling.
func what(s request.SiblingState) string {
	text := fmt.Sprintf("%d bytes", s.Size)
	if s.Tombstone {
		text = "tombstone"
	} else if !s.Shown {
		text += ", not shown"
	}
	if !s.Expires.IsZero() {
		text += ", expires " + s.Expires.UTC().Format(time.RFC3339Nano)
	}
	return text
}

// hint words what a node owes others for this key.
func hint(e request.Explanation, h *request.HintState) string {
	if h == nil {
		return "-"
	}
	text := "for " + names(e, h.Targets)
	if len(h.Noted) > 0 {
		text += ", held by " + names(e, h.Noted)
	}
	return fmt.Sprintf("%s, %s old", text, h.Age.Round(time.Millisecond))
}

// names lists nodes by the names that the preference list gives them.
func names(e request.Explanation, ids []ring.NodeID) string {
	var out []string
	for _, id := range ids {
		name := id.String()
		for _, n := range e.Preference {
			if n.Node == id {
				name = n.Name
			}
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

func answers(e request.Explanation) [][]string {
	rows := [][]string{{"R", "FINDS", "COMPLETE"}}
	for _, a := range e.Answers {
		finds := strings.Join(a.Values, ", ")
		switch {
		case a.Error != "":
			finds = a.Error
		case !a.Found:
			finds = "nothing"
		}
		rows = append(rows, []string{fmt.Sprint(a.R), finds, yes(a.Complete)})
	}
	return rows
}
