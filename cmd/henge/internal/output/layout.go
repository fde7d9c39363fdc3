package output

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Layout writes who holds how much, what is staged and how far a change is.
func Layout(w io.Writer, l request.Layout) error {
	held := make([]int, len(l.Nodes))
	for _, row := range l.Replicas {
		for _, i := range row {
			if i >= 0 && i < len(held) { // a node's word
				held[i]++
			}
		}
	}
	rows := [][]string{{"NAME", "UP", "PARTITIONS", "HTTP", "ID"}}
	for i, n := range l.Nodes {
		rows = append(rows, []string{n.Name, yes(n.Up), fmt.Sprint(held[i]), orDash(n.HTTP), n.ID.String()})
	}
	if _, err := fmt.Fprintf(w, "document %s, %d partitions\n\n", document(l.Document), l.Partitions); err != nil {
		return err
	}
	if err := Table(w, rows); err != nil {
		return err
	}
	var lines []string
	switch {
	case l.Change != nil:
		lines = append(lines, "", "in flight since document "+fmt.Sprint(l.Change.Applied)+":")
		lines = append(lines, stepLines(l.Change.Steps)...)
	default:
		lines = append(lines, "", "no change is in flight")
	}
	for _, name := range l.Left {
		lines = append(lines, name+" has left and may be switched off")
	}
	if len(l.Staged) > 0 {
		lines = append(append(lines, "", "staged:"), stepLines(l.Staged)...)
	}
	if err := writeLines(w, lines); err != nil || l.Change == nil {
		return err
	}
	return change(w, l.Change)
}

// Plan writes what staged steps would do.
func Plan(w io.Writer, p request.Plan) error {
	if err := writeLines(w, append([]string{fmt.Sprintf("plan %s, from document %s:", p.Hash, document(p.Document))}, append(stepLines(p.Steps), "")...)); err != nil {
		return err
	}
	rows := [][]string{{"NAME", "ZONE", "WEIGHT", "BEFORE", "AFTER", "GAINS", "LOSES", "TAKES IN", "SENDS", "FREE", ""}}
	for _, n := range p.Nodes {
		going := map[ring.Going]string{ring.Leaves: "leaves", ring.Expelled: "is expelled"}[n.Going]
		rows = append(rows, []string{
			n.Name, orDash(n.Zone), fmt.Sprint(n.Weight), fmt.Sprint(n.Before), fmt.Sprint(n.After), fmt.Sprint(n.Gains), fmt.Sprint(n.Loses),
			request.Size(n.BytesIn).String(), request.Size(n.BytesOut).String(), orUnknown(n.Free), going,
		})
	}
	if err := Table(w, rows); err != nil {
		return err
	}
	lines := []string{
		"",
		fmt.Sprintf("moves: %d partition replicas of %d partitions, about %s, in about %s at the present throttle", p.Moves, p.Partitions, request.Size(p.Bytes).String(), p.Time.Round(time.Second)),
		fmt.Sprintf("balance, in partitions beside a node's share: %s before, %s after", balance(p.Before), balance(p.After)),
		fmt.Sprintf("on the way: never fewer than %d replicas up, in %d zones", p.LowestReplicas, p.LowestZones),
	}
	if !p.Survives {
		lines = append(lines, "afterwards: with one member dead the rest cannot decide; reads and writes go on as far as their knobs allow")
	}
	for _, text := range p.Warnings {
		lines = append(lines, "WARNING: "+text)
	}
	for _, text := range p.Refusals {
		lines = append(lines, "REFUSED: "+text)
	}
	return writeLines(w, lines)
}

func balance(b request.Balance) string { return fmt.Sprintf("%+.1f to %+.1f", b.Low, b.High) }

// stepLines words steps, one a line.
func stepLines(steps []request.LayoutStep) []string {
	lines := make([]string, 0, len(steps))
	for _, s := range steps {
		lines = append(lines, "  "+Step(s))
	}
	return lines
}

// Step words one step of a layout change.
func Step(s request.LayoutStep) string {
	words := []string{string(s.Verb), Key(s.Node)}
	if s.With != "" {
		words = append(words, "with", Key(s.With))
	}
	if s.Expel {
		words = append(words, "(expelled)")
	}
	if s.Weight != 0 {
		words = append(words, fmt.Sprintf("weight=%d", s.Weight))
	}
	if s.Zone != nil {
		words = append(words, "zone="+Key(*s.Zone))
	}
	return strings.Join(words, " ")
}

func writeLines(w io.Writer, lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// orUnknown is size for what may not be known.
func orUnknown(n int64) string {
	if n == 0 {
		return "?"
	}
	return request.Size(n).String()
}
