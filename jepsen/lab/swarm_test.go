package lab

import (
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/seeds"
)

// Each seed draws its own share of the faults, its own times for them, and its own
// clients. Laws 1 to 4 of the design hold in all of them.
func TestSwarm(t *testing.T) {
	const length = 2 * time.Minute
	nodes := []string{"n1", "n2", "n3", "n4", "n5"}
	var all Sometimes
	seeds.Over(t, 20*time.Second, 8, func(t *testing.T, seed uint64) {
		out := judge(t, Scenario{
			Options: Options{Nodes: len(nodes), Seed: seed}, Length: length,
			Plan: Draw(seed, nodes, length, AllFaults()),
		})
		all.Add(out.Sometimes)
	})
	if _, alone := seeds.Single(); alone {
		return
	}
	if missing := all.Missing(
		"a write was acknowledged with a hint", "a write was acknowledged by fallbacks alone", "a write left siblings",
		"a write without context was acknowledged", "a write with an ETag was acknowledged", "a delete was acknowledged",
		"a read showed siblings", "a read rested on fallbacks alone",
	); len(missing) > 0 {
		t.Errorf("never happened: %q", missing)
	}
	t.Log(all.Counts())
}
