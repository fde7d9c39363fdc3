package lab

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/history"
	"github.com/hengedb/henge/jepsen/seeds"
)

// told is what the clients asked and were told, in order of time, without the
// cluster's own names for things.
func told(h history.History) []string {
	h = slices.Clone(h)
	slices.SortStableFunc(h, func(a, b history.Op) int { return cmp.Or(cmp.Compare(a.T, b.T), cmp.Compare(a.Process, b.Process)) })
	lines := make([]string, len(h))
	for i, o := range h {
		lines[i] = fmt.Sprintf("%v p%d %s %s %s=%s saw %v shows %v at %s side %d: %s %s", o.T, o.Process, o.Type, o.F, o.Key, o.Value, o.Saw, o.Values, o.Node, o.Side, o.Err, o.Outcome)
	}
	return lines
}

// The same seed gives the same run, to the nanosecond of every answer. By hand with
// HENGE_SEEDS=50.
func TestSameSeedTellsClientsTheSame(t *testing.T) {
	seeds.Over(t, 5*time.Second, 10, func(t *testing.T, seed uint64) {
		s := Scenario{
			Options: Options{Nodes: 3, Seed: seed}, Workload: Workload{Clients: 4}, Length: 30 * time.Second,
			Plan: Draw(seed, []string{"n1", "n2", "n3"}, 30*time.Second, AllFaults()),
		}
		first, second := told(run(t, s).History), told(run(t, s).History)
		if slices.Equal(first, second) {
			return
		}
		for i := range min(len(first), len(second)) {
			if first[i] != second[i] {
				t.Fatalf("seed %d: line %d of %d is\n%s\nand then\n%s", seed, i, len(first), first[i], second[i])
			}
		}
		t.Fatalf("seed %d: %d lines, and then %d", seed, len(first), len(second))
	})
}
