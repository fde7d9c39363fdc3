package replication

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/request"
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
				d := c.relay(key, phase.entry([]ring.NodeID{p[0].self, p[1].self, n.self}, c.entry(key).Serving))
				if phase.takes {
					w := &write{key: keyName{"default", key}, place: n.place(d, at), bucket: ring.Bucket{Generation: 1}, latest: ^causal.Stamp(0)}
					if _, err := n.mint(t.Context(), w); !errors.Is(err, errStale) || n.hint(t, key) != nil {
						t.Errorf("minted in the second set: %v", err)
					}
				}
				m := joinRequest{key: keyName{"default", key}, object: sampleOf(d)}
				_, err := n.serveJoin(t.Context(), &rpc.Request{From: rpc.Peer{ID: p[0].self, Nonce: 1}, Document: d.Version, Body: m.encode()})
				if (err == nil) != phase.takes || (n.holds(t, key) != "") != phase.takes {
					t.Errorf("a join: %v, holds %q, want it taken: %v", err, n.holds(t, key), phase.takes)
				}
			})
		})
	}
}

// entry is the row of the layout for a key.
func (c *cluster) entry(key string) ring.Entry {
	d := c.nodes[0].agent.Document()
	return d.Entry(storage.Key{Bucket: "default", Key: key}.Position().Partition(d.Partitions))
}

// relay has all nodes hold a document with another row for a key.
func (c *cluster) relay(key string, e ring.Entry) *ring.Document {
	c.t.Helper()
	d := c.nodes[0].agent.Document().Clone()
	d.Version++
	e.Changed = d.Version
	d.Layout[storage.Key{Bucket: "default", Key: key}.Position().Partition(d.Partitions)] = e
	d, err := d.Seal()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, n := range c.nodes {
		if err := n.agent.Adopt(c.t.Context(), d.Raw()); err != nil {
			c.t.Fatal(err)
		}
	}
	return d
}

// inPhases runs f for a key whose partition goes from p to p[0] and two newcomers, in
// each phase in which a put needs W in both sets; n is one of who serves.
func inPhases(t *testing.T, size int, f func(t *testing.T, c *cluster, key string, n *testNode, p, newcomers []*testNode)) {
	t.Helper()
	for _, phase := range []ring.Phase{ring.PhaseCopy, ring.PhaseSwitch} {
		t.Run(string(phase), func(t *testing.T) {
			inCluster(t, size, func(t *testing.T, c *cluster) {
				key, p, others := c.key(0)
				old := c.entry(key).Serving
				next := []ring.NodeID{p[0].self, others[0].self, others[1].self}
				if phase == ring.PhaseCopy {
					c.relay(key, ring.Entry{Serving: old, Next: next, Phase: phase})
				} else {
					c.relay(key, ring.Entry{Serving: next, Former: old, Phase: phase})
				}
				f(t, c, key, p[0], p, others[:2])
			})
		})
	}
}

func TestInAChangeAPutNeedsWInEachSet(t *testing.T) {
	inPhases(t, 5, func(t *testing.T, c *cluster, key string, n *testNode, p, newcomers []*testNode) {
		for name, away := range map[string][]*testNode{"those who come": newcomers, "those who go": p[1:]} {
			c.cut(n, away...)
			_, err := n.Put(t.Context(), "default", key, []byte(name), request.WriteOptions{Strict: request.On})
			if quorum, ok := errors.AsType[*request.QuorumError](err); !ok || quorum.Need != 2 || quorum.Got != 1 {
				t.Errorf("without %s: %v", name, err)
			}
			c.mend(n, away...)
			time.Sleep(time.Minute) // they are probed, and found
		}
		c.cut(n, p[1], newcomers[0]) // one of each set
		if r := n.mustPut(t, key, "v", request.WriteOptions{Strict: request.On}); r.Acks != 3 {
			t.Errorf("without one of each set: %+v", r)
		}
	})
}

func TestInAChangeAFallbackCountsInEachSet(t *testing.T) {
	inPhases(t, 6, func(t *testing.T, c *cluster, key string, n *testNode, p, newcomers []*testNode) {
		c.cut(n, newcomers...)
		c.cut(n, p[1:]...)
		if r := n.mustPut(t, key, "v", request.WriteOptions{}); r.Acks != 2 || r.Hinted == 0 {
			t.Errorf("one of both sets and a fallback: %+v", r)
		}
	})
}

func TestInAChangeAllWhoTakeHoldTheWrite(t *testing.T) {
	inPhases(t, 5, func(t *testing.T, c *cluster, key string, n *testNode, p, newcomers []*testNode) {
		n.mustPut(t, key, "v", request.WriteOptions{W: request.All})
		synctest.Wait()
		for _, node := range slices.Concat(p, newcomers) {
			if got := node.holds(t, key); got != "v" {
				t.Errorf("%s holds %q", node.host, got)
			}
		}
		newcomers[1].mustGet(t, key, "v", request.ReadOptions{}) // through who may not serve yet
	})
}

// Those who served before and have yet to drop their copies stand in as anybody does, from hints,
// where none of those who serve can be reached.
func TestAFormerOwnerStandsIn(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		n, ally := p[2], others[1]
		serving := []*testNode{p[0], p[1], others[0]}
		c.relay(key, ring.Entry{Serving: []ring.NodeID{p[0].self, p[1].self, others[0].self}, Former: []ring.NodeID{n.self, ally.self}, Phase: ring.PhaseDrop})
		c.cut(n, serving...)
		c.cut(ally, serving...)
		if r := n.mustPut(t, key, "v", request.WriteOptions{}); r.Acks != 2 || n.hint(t, key) == nil {
			t.Errorf("a put: %+v, kept as a hint: %v", r, n.hint(t, key))
		}
		n.mustGet(t, key, "v", request.ReadOptions{})
	})
}

// Where one set is lost and nobody else is left to stand in, who is in the other set
// does: W nodes hold the write, and the absent get it when they are back (law 4).
func TestInAChangeOneSetStandsInForTheOther(t *testing.T) {
	inPhases(t, 5, func(t *testing.T, c *cluster, key string, n *testNode, p, newcomers []*testNode) {
		for name, away := range map[string][]*testNode{"those who come": newcomers, "those who go": p[1:]} {
			c.cut(n, away...)
			if r := n.mustPut(t, key, name, request.WriteOptions{}); r.Acks < 2 {
				t.Errorf("without %s: %+v", name, r)
			}
			n.mustGet(t, key, name, request.ReadOptions{})
			if _, err := n.Put(t.Context(), "default", key, []byte(name), request.WriteOptions{Strict: request.On}); !errors.Is(err, request.ErrQuorum) {
				t.Errorf("a strict put without %s: %v", name, err)
			}
			c.mend(n, away...)
			time.Sleep(time.Minute) // they are probed, and what is owed is delivered
			for _, node := range away {
				if got := node.holds(t, key); got != name {
					t.Errorf("%s holds %q once it is back, want %q", node.host, got, name)
				}
			}
		}
	})
}

// Who goes, or has left, may have said that it holds no hint: it takes none, and mints
// none, also from a sender that has not heard of it.
func TestWhoGoesKeepsNoHint(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		n, old := others[0], c.nodes[0].agent.Document()
		d := old.Clone()
		d.Version++
		d.Change = &ring.Change{Applied: d.Version}
		for i := range d.Members {
			if d.Members[i].ID == n.self {
				d.Members[i].Going = ring.Leaves
			}
		}
		d, err := d.Seal()
		if err == nil {
			err = n.agent.Adopt(t.Context(), d.Raw())
		}
		if err != nil {
			t.Fatal(err)
		}
		w := &write{
			key: keyName{"default", key}, place: n.place(old, storage.Key{Bucket: "default", Key: key}.Position()),
			bucket: ring.Bucket{Generation: 1}, latest: ^causal.Stamp(0), stands: []ring.NodeID{p[0].self},
		}
		if _, err := n.mint(t.Context(), w); !errors.Is(err, request.ErrNotReady) {
			t.Errorf("it minted: %v", err)
		}
		m := joinRequest{key: w.key, object: sampleOf(old), targets: []ring.NodeID{p[0].self}, w: 2}
		if _, err := n.serveJoin(t.Context(), &rpc.Request{From: rpc.Peer{ID: p[1].self, Nonce: 1}, Document: old.Version, Body: m.encode()}); err == nil {
			t.Error("it took a hint")
		}
		if n.hint(t, key) != nil {
			t.Error("it keeps a hint")
		}
	})
}
