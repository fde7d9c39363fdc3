package replication

import (
	"slices"
	"testing"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

func TestAnExplanationTellsWhoComesAndWhoGoes(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		var moved ring.Partition
		c.moving(func(next *ring.Document) {
			next.Change.Paused = true
			for p := range next.Layout {
				if e := &next.Layout[p]; e.Phase == ring.PhaseWait {
					e.Phase, moved = ring.PhaseCopy, ring.Partition(p)
				}
			}
		})
		doc := c.nodes[0].agent.Document()
		key := ""
		for i := 0; key == ""; i++ {
			if k, _, _ := c.key(i); ring.PositionOf("default", k).Partition(doc.Partitions) == moved {
				key = k
			}
		}
		c.nodes[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
		e, err := c.nodes[1].Explain(t.Context(), "default", key)
		if err != nil {
			t.Fatal(err)
		}
		entry := doc.Entry(moved)
		if e.Phase != ring.PhaseCopy || !slices.Equal(e.Next, entry.Next) || len(e.Former) > 0 {
			t.Errorf("phase %q, next %v, former %v; the entry is %+v", e.Phase, e.Next, e.Former, entry)
		}
		at := slices.IndexFunc(e.Replicas, func(r request.ReplicaState) bool { return r.Name == "n3" })
		if at < 0 || e.Replicas[at].Role != request.Primary || len(e.Replicas[at].Siblings) != 1 {
			t.Errorf("what the newcomer holds is not told: %+v", e.Replicas)
		}
	})
}
