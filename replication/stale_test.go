package replication

import (
	"errors"
	"testing"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// relayout has nodes hold a document in which these nodes serve the key.
func (c *cluster) relayout(t *testing.T, key string, serving []*testNode, at ...*testNode) {
	t.Helper()
	next := at[0].agent.Document().Clone()
	next.Version++
	entry := ring.Entry{Changed: next.Version}
	for _, n := range serving {
		entry.Serving = append(entry.Serving, n.self)
	}
	next.Layout[storage.Key{Bucket: "default", Key: key}.Position().Partition(next.Partitions)] = entry
	next, err := next.Seal()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range at {
		if err := n.agent.Adopt(t.Context(), next.Raw()); err != nil {
			t.Fatal(err)
		}
	}
}

// R3: who asks by an older document is refused and told; it takes the newer one and
// begins anew, and its client learns nothing of that.
func TestARequestBeginsAnewByTheNewerDocument(t *testing.T) {
	const first = "a first put, which says that it is the first"
	for name, do := range map[string]func(t *testing.T, n *testNode, key string){
		"a put": func(t *testing.T, n *testNode, key string) {
			r := n.mustPut(t, key, "w", request.WriteOptions{W: request.All, OpID: "op"})
			if r.Acks != 3 || r.Primary != 3 {
				t.Errorf("receipt %+v", r)
			}
			o, err := n.store.Read(t.Context(), storage.Key{Bucket: "default", Key: key})
			if dots := o.Context.Dots(); err != nil || len(dots) != 1 || dots[0].Counter != 2 {
				t.Errorf("dots %v, %v; want this write's, the second, minted once", dots, err)
			}
		},
		first: func(t *testing.T, n *testNode, key string) {
			if r := n.mustPut(t, key, "w", request.WriteOptions{W: request.All, IfNoneMatch: "*"}); !r.Created {
				t.Errorf("receipt %+v", r)
			}
		},
		"a delete": func(t *testing.T, n *testNode, key string) {
			if _, err := n.Delete(t.Context(), "default", key, request.WriteOptions{W: request.All}); err != nil {
				t.Error(err)
			}
		},
		"a get": func(t *testing.T, n *testNode, key string) {
			if v := n.mustGet(t, key, "v", request.ReadOptions{R: request.All}); v.Answers.Primary != 3 {
				t.Errorf("answers %+v", v.Answers)
			}
		},
		"a listing": func(t *testing.T, n *testNode, key string) {
			found := 0
			for e, err := range n.Scan(t.Context(), "default", request.ScanOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Key == key {
					found++
				}
			}
			if found != 1 {
				t.Errorf("the key is listed %d times", found)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 5, func(t *testing.T, c *cluster) {
				key, p, others := c.key(0)
				if name != first {
					p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
				}
				c.relayout(t, key, []*testNode{p[0], p[1], others[0]}, p[1], p[2], others[0], others[1])
				do(t, p[0], key)
				if got := p[0].agent.Document().Version; got != 2 {
					t.Errorf("the coordinator holds document %d", got)
				}
			})
		})
	}
}

// A replica whose newer document is not to be had has refused, and no more: a quorum
// of the others is one still.
func TestAReplicaThatOnlySaysItKnowsMoreCostsNoQuorum(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
		c.relayout(t, key, p, p[1])
		p[0].alone.Store(true)
		p[0].mustPut(t, key, "w", request.WriteOptions{})
		p[0].mustGet(t, key, "w", request.ReadOptions{})
		_, err := p[0].Put(t.Context(), "default", key, nil, request.WriteOptions{W: request.All})
		if !errors.Is(err, request.ErrQuorum) || request.OutcomeOf(err) != request.Unknown {
			t.Errorf("%v, outcome %v", err, request.OutcomeOf(err))
		}
	})
}

// A coordinator that has minted and turns out to be no replica any more hands the write
// on, under the same operation; where nobody takes it, it cannot say that nothing was
// written.
func TestAPutThatLosesItsPlaceIsHandedOn(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		c.relayout(t, key, []*testNode{p[1], p[2], others[0]}, p[1], p[2], others[0])
		if r := p[0].mustPut(t, key, "u", request.WriteOptions{Strict: request.On}); r.Siblings != 1 {
			t.Errorf("receipt %+v", r)
		}
		p[1].mustGet(t, key, "u", request.ReadOptions{})
		err := error(&unsure{errStale})
		if !errors.Is(err, request.ErrNotReady) || request.OutcomeOf(err) != request.Unknown || !request.Retryable(err) {
			t.Errorf("%v, outcome %v", err, request.OutcomeOf(err))
		}
		back, _ := encodeReply(reply{err: err})
		if far, err := decodeReply(back); err != nil || request.OutcomeOf(far.err) != request.Unknown || !errors.Is(far.err, request.ErrNotReady) {
			t.Errorf("on the other side of a hop: %v, %v", far.err, err)
		}
		r := p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
		if r.Primary < 2 {
			t.Errorf("receipt %+v", r)
		}
	})
}
