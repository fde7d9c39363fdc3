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

// The same seed gives the same run, to the nanosecond of every answer. What is left to
// chance is the order of one node's goroutines at one instant: on an idle machine 150
// of 150 seeds agree with themselves, on one that is busy with other tests about one in
// a hundred does not. Of the ten that a busy machine has time for, two differ once in two
// hundred runs: so one in five may differ here, and the share is told. What leaves a run
// to chance throughout, as the order of a map does, has nearly all differ. By hand with
// HENGE_SEEDS=50, on an idle machine, want 50.
func TestSameSeedTellsClientsTheSame(t *testing.T) {
	ran, same := 0, 0
	seeds.Over(t, 5*time.Second, 10, func(t *testing.T, seed uint64) {
		s := Scenario{
			Options: Options{Nodes: 3, Seed: seed}, Workload: Workload{Clients: 4}, Length: 30 * time.Second,
			Plan: Draw(seed, []string{"n1", "n2", "n3"}, 30*time.Second, AllFaults()),
		}
		first, second := told(run(t, s).History), told(run(t, s).History)
		if ran++; slices.Equal(first, second) {
			same++
			return
		}
		for i := range min(len(first), len(second)) {
			if first[i] != second[i] {
				t.Logf("seed %d: line %d of %d is\n%s\nand then\n%s", seed, i, len(first), first[i], second[i])
				return
			}
		}
		t.Logf("seed %d: %d lines, and then %d", seed, len(first), len(second))
	})
	t.Logf("%d of %d seeds tell clients the same twice", same, ran)
	if 5*(ran-same) > ran {
		t.Errorf("only %d of %d seeds tell clients the same twice", same, ran)
	}
}
