package lab

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/history"
	"github.com/hengedb/henge/jepsen/seeds"
)

// Five nodes, split 3|2 for ten minutes with clients on both sides: both take every
// write, since each holds W nodes. After healing, with hints delivered and each key
// read once from all replicas, these are identical, and every acknowledged write is
// there or was replaced by one that saw it.
func TestBothSidesOfASplitTakeEveryWrite(t *testing.T) {
	const begins, lasts = 5 * time.Second, 10 * time.Minute
	seeds.Over(t, 8*time.Second, 2, func(t *testing.T, seed uint64) {
		nodes := []string{"n1", "n2", "n3", "n4", "n5"}
		rand.New(rand.NewPCG(seed, text("split"))).Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		few := map[string]bool{nodes[3]: true, nodes[4]: true}
		out := judge(t, Scenario{
			Options: Options{Nodes: len(nodes), Seed: seed}, Length: begins + lasts,
			Workload: Workload{Clients: 5, Keys: 16, Pause: 800 * time.Millisecond},
			Plan:     Plan{{At: begins, Do: FaultSplit, Groups: [][]string{nodes[:3], nodes[3:]}}, {At: begins + lasts, Do: EndHeal}},
		})
		split, taken := false, map[bool]int{}
		for _, op := range out.History {
			switch {
			case op.F == history.Fault:
				split = !split
			case split && op.Writes() && op.Type == history.OK:
				taken[few[op.Node]]++
			}
		}
		if taken[true] < 100 || taken[false] < 100 {
			t.Errorf("seed %d: %d writes on the side of three, %d on that of two: too few to prove anything", seed, taken[false], taken[true])
		}
	})
}
