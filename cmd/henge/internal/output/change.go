package output

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// change writes how far a change is, by node, what it waits for, and whom not to switch
// off.
func change(w io.Writer, c *request.ChangeStatus) error {
	if err := writeLines(w, append([]string{"", ChangeText(c)}, c.Waiting...)); err != nil {
		return err
	}
	rows := [][]string{{"NAME", "DONE", "OF", "TAKEN", "OF ABOUT", "SENT", "RATE", "LEFT", ""}}
	for _, n := range c.Nodes {
		rows = append(rows, []string{
			n.Name, fmt.Sprint(n.Done), fmt.Sprint(n.Partitions), taken(n), about(n),
			request.Size(n.Sent).String(), request.Size(n.Rate).String() + "/s", left(n), state(n),
		})
	}
	if len(c.Nodes) > 0 {
		if err := writeLines(w, []string{""}); err != nil {
			return err
		}
		if err := Table(w, rows); err != nil {
			return err
		}
	}
	var lines []string
	for _, n := range c.Nodes {
		if n.Going == ring.Leaves {
			if lines == nil {
				lines = append(lines, "")
			}
			lines = append(lines, "do not switch off "+n.Name+" yet: "+holds(n))
		}
	}
	return writeLines(w, lines)
}

// ChangeText words how far a change is, in one line.
func ChangeText(c *request.ChangeStatus) string {
	parts := []string{fmt.Sprintf("%d of %d partitions done", c.Phases[ring.PhaseSteady], c.Partitions)}
	for _, phase := range request.Phases() {
		if n := c.Phases[phase]; n > 0 && phase != ring.PhaseSteady {
			parts = append(parts, fmt.Sprintf("%d in %s", n, phase))
		}
	}
	text := strings.Join(parts, ", ")
	if c.Reverting {
		text += "; it goes back"
	}
	return text
}

// NodeText words how far one node is, in one line.
func NodeText(n request.ChangeNode) string {
	if n.Silent {
		return "does not answer"
	}
	parts := []string{fmt.Sprintf("%d of %d partitions", n.Done, n.Partitions)}
	if n.Moved > 0 || n.Bytes > 0 {
		text := request.Size(n.Moved).String()
		if n.Bytes > 0 {
			text += " of about " + request.Size(n.Bytes).String()
		}
		parts = append(parts, text)
	}
	if n.Sent > 0 {
		parts = append(parts, request.Size(n.Sent).String()+" sent")
	}
	if n.Rate > 0 {
		parts = append(parts, request.Size(n.Rate).String()+"/s")
	}
	if n.Left > 0 {
		parts = append(parts, "about "+left(n)+" left")
	}
	return strings.Join(parts, ", ")
}

func taken(n request.ChangeNode) string {
	if gives(n) {
		return "-"
	}
	return request.Size(n.Moved).String()
}

func about(n request.ChangeNode) string {
	if gives(n) {
		return "-"
	}
	return orUnknown(n.Bytes)
}

// gives reports whether a node takes nothing.
func gives(n request.ChangeNode) bool {
	return !n.Silent && n.Bytes == 0 && n.Moved == 0 && (n.Going != "" || n.Holds > 0 || n.Partitions == 0)
}

// left words the time that a node still takes.
func left(n request.ChangeNode) string {
	switch {
	case gives(n), n.Left == 0 && n.Done == n.Partitions && !n.Silent:
		return "-"
	case n.Left == 0:
		return "?"
	}
	return max(n.Left.Round(time.Second), time.Second).String()
}

func state(n request.ChangeNode) string {
	words := map[ring.Going]string{ring.Leaves: "leaves", ring.Expelled: "is expelled"}[n.Going]
	if n.Silent {
		words = strings.TrimPrefix(words+", does not answer", ", ")
	}
	return words
}

// holds words why a node that leaves must not be switched off.
func holds(n request.ChangeNode) string {
	var parts []string
	for _, held := range []struct {
		n           int64
		one, others string
	}{{int64(n.Holds), "partition", "partitions"}, {int64(n.Leftovers), "object", "objects"}, {n.Hints, "hint", "hints"}} {
		switch {
		case held.n == 1:
			parts = append(parts, "1 "+held.one)
		case held.n > 0:
			parts = append(parts, fmt.Sprintf("%d %s", held.n, held.others))
		}
	}
	switch {
	case n.Silent:
		return "it does not answer, so what it holds is not known"
	case parts == nil:
		return "that it holds nothing any more is not decided"
	}
	return "it holds " + strings.Join(parts, ", ") + " for the cluster"
}
