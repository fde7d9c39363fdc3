package lab

import (
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/seeds"
)

// Nodes join, leave and replace one that died for ever, in the seed's own order, while
// faults of all kinds go on and clients write: laws 1 to 4 and 6 hold, the members end
// with one document, and all replicas of every key are identical.
func TestChangesUnderFaults(t *testing.T) {
	const length = 3 * time.Minute
	members, spares := []string{"n1", "n2", "n3", "n4"}, []string{"n5", "n6", "n7"}
	var all Sometimes
	seeds.Over(t, 20*time.Second, 6, func(t *testing.T, seed uint64) {
		plan := DrawChanges(seed, members, spares, length)
		if seed%4 != 0 { // else nothing but changes
			plan = plan.With(Draw(seed, members, length, AllFaults()))
		}
		out := judge(t, Scenario{
			Options: Options{Nodes: len(members), Spares: len(spares), Seed: seed}, Length: length,
			Workload: Workload{Careful: true}, Plan: plan,
		})
		all.Add(out.Sometimes)
	})
	if _, alone := seeds.Single(); alone {
		return
	}
	if missing := all.Missing(
		"a layout change completed: add", "a layout change completed: remove", "a layout change completed: swap",
	); len(missing) > 0 {
		t.Errorf("never happened: %q", missing)
	}
	t.Log(all.Counts())
}
