package replication

import (
	"fmt"
	"testing"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Every partition that node 3 does not hold moves to it from one that does, over the
// real protocol.
func TestPartitionsMoveToAnotherNodeAndNothingIsLeftBehind(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		const keys = 60
		for i := range keys {
			c.nodes[i%4].mustPut(t, fmt.Sprintf("key-%d", i), "v", request.WriteOptions{})
		}
		to := c.nodes[3]
		_, err := c.nodes[0].agent.Propose(t.Context(), func(d *ring.Document) (*ring.Document, error) {
			next := d.Clone()
			next.Version++
			next.Change = &ring.Change{Applied: next.Version}
			for p := range next.Layout {
				e := &next.Layout[p]
				if e.Takes(to.self) {
					continue
				}
				e.Next, e.Phase, e.Changed = []ring.NodeID{e.Serving[0], e.Serving[1], to.self}, ring.PhaseWait, next.Version
			}
			return next.Seal()
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		doc := c.nodes[0].agent.Document()
		if doc.Change != nil {
			t.Fatalf("the change is not over after a minute: %+v, %s, %s", doc.Layout, c.nodes[0].Transfer().LastError(), c.nodes[0].Transfer().Undecided())
		}
		for i := range keys {
			key, primaries, others := c.key(i)
			for _, n := range primaries {
				if n.holds(t, key) != "v" {
					t.Errorf("%s does not hold %s", n.host, key)
				}
			}
			for _, n := range others {
				if n.holds(t, key) != "" {
					t.Errorf("%s still holds %s", n.host, key)
				}
			}
		}
	})
}
