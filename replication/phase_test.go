package replication

import (
	"errors"
	"testing"

	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// In each phase of a change, who is in a set that puts count in takes joins, and who is
// in the second set mints nothing, not even in a hint (R1, R4).
func TestInAChangeBothSetsTakeJoinsAndOneMints(t *testing.T) {
	for name, phase := range map[string]struct {
		entry func(self, old []ring.NodeID) ring.Entry
		takes bool
	}{
		"a newcomer in wait": {func(self, old []ring.NodeID) ring.Entry {
			return ring.Entry{Serving: old, Next: self, Phase: ring.PhaseWait}
		}, false},
		"a newcomer in copy": {func(self, old []ring.NodeID) ring.Entry {
			return ring.Entry{Serving: old, Next: self, Phase: ring.PhaseCopy}
		}, true},
		"an old node in switch": {func(self, old []ring.NodeID) ring.Entry {
			return ring.Entry{Serving: old, Former: self, Phase: ring.PhaseSwitch}
		}, true},
		"an old node in drop": {func(self, old []ring.NodeID) ring.Entry {
			return ring.Entry{Serving: old, Former: self, Phase: ring.PhaseDrop}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 5, func(t *testing.T, c *cluster) {
				key, p, others := c.key(0)
				n, at := others[0], storage.Key{Bucket: "default", Key: key}.Position()
				d := p[0].agent.Document().Clone()
				d.Version++
				partition := at.Partition(d.Partitions)
				d.Layout[partition] = phase.entry([]ring.NodeID{p[0].self, p[1].self, n.self}, d.Layout[partition].Serving)
				d.Layout[partition].Changed = d.Version
				d, err := d.Seal()
				if err != nil {
					t.Fatal(err)
				}
				for _, node := range c.nodes {
					if err := node.agent.Adopt(t.Context(), d.Raw()); err != nil {
						t.Fatal(err)
					}
				}
				if phase.takes {
					w := &write{key: keyName{"default", key}, place: n.place(d, at), bucket: ring.Bucket{Generation: 1}, latest: ^causal.Stamp(0)}
					if _, err := n.mint(t.Context(), w); !errors.Is(err, errStale) || n.hint(t, key) != nil {
						t.Errorf("minted in the second set: %v", err)
					}
				}
				m := joinRequest{key: keyName{"default", key}, object: sampleOf(d)}
				_, err = n.serveJoin(t.Context(), &rpc.Request{From: rpc.Peer{ID: p[0].self, Nonce: 1}, Document: d.Version, Body: m.encode()})
				if (err == nil) != phase.takes || (n.holds(t, key) != "") != phase.takes {
					t.Errorf("a join: %v, holds %q, want it taken: %v", err, n.holds(t, key), phase.takes)
				}
			})
		})
	}
}
