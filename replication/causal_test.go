package replication

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// A write with the context of a read replaces exactly what that read saw; one
// without, what its coordinator holds.
func TestContextsDecideWhatAWriteReplaces(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		all := request.WriteOptions{W: request.All}
		first := p[0].mustPut(t, key, "a", all)
		p[1].mustPut(t, key, "b", all) // has seen "a"
		p[0].mustGet(t, key, "b", request.ReadOptions{R: request.All})
		p[2].mustPut(t, key, "c", request.WriteOptions{W: request.All, Context: first.Context}) // has not seen "b"
		v := p[1].mustGet(t, key, "b+c", request.ReadOptions{R: request.All})
		p[0].mustPut(t, key, "d", request.WriteOptions{W: request.All, Context: v.Context})
		p[1].mustGet(t, key, "d", request.ReadOptions{R: request.All})
		other, q, _ := c.key(1)
		if _, err := q[0].Put(t.Context(), "default", other, nil, request.WriteOptions{Context: v.Context}); !errors.Is(err, request.ErrBadContext) {
			t.Errorf("a context of another key: %v", err)
		}
	})
}

// A client that writes on with the contexts of its receipts replaces its own writes
// only: what nobody has shown to it stays.
func TestAReceiptsContextCoversNothingUnseen(t *testing.T) {
	for name, tc := range map[string]struct {
		again   bool // the second write is sent once more, as a retry
		shown   bool // the write asks for the value, and is shown the rival
		covered bool
	}{
		"a rival beside the write":                  {},
		"a rival beside a write that is sent again": {again: true},
		"a rival that the write's answer shows":     {shown: true, covered: true},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 3, func(t *testing.T, c *cluster) {
				key, p, _ := c.key(0)
				first := p[0].mustPut(t, key, "a", request.WriteOptions{W: request.All})
				if first.Context == "" {
					t.Fatal("no context although the write is alone")
				}
				p[1].mustPut(t, key, "rival", request.WriteOptions{W: request.All})
				o := request.WriteOptions{W: request.All, Context: first.Context, OpID: "op", Return: tc.shown}
				second := p[2].mustPut(t, key, "b", o)
				if tc.again {
					second = p[0].mustPut(t, key, "b", o)
				}
				if (second.Context != "") != tc.covered || second.Siblings != 2 {
					t.Fatalf("receipt %+v, want a context: %v", second, tc.covered)
				}
				if tc.covered && (second.Value == nil || second.Value.Context != second.Context) {
					t.Errorf("the value returned is %+v", second.Value)
				}
			})
		})
	}
}

// A retry of a write that is alone is told the context like the first; one of a
// write that another has replaced is not told the other's.
func TestAReceiptOfARetryIsLikeTheFirst(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		o := request.WriteOptions{W: request.All, OpID: "op"}
		first := p[0].mustPut(t, key, "a", o)
		if again := p[1].mustPut(t, key, "a", o); again.Context != first.Context || again.Context == "" {
			t.Errorf("a retry's context is %q, the first's %q", again.Context, first.Context)
		}
		p[0].mustPut(t, key, "b", request.WriteOptions{W: request.All, Context: first.Context})
		if again := p[1].mustPut(t, key, "a", o); again.Context != "" {
			t.Error("a retry of a write that is replaced has a context that covers what replaced it")
		}
	})
}

// A delete without context deletes what a read at R finds, not only what its
// coordinator holds, and what it could not see stays.
func TestADeleteWithoutContextReadsFirst(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		plant(t, key, "v", 1, p[1], p[2])
		if r, err := p[1].Delete(t.Context(), "default", "nothing", request.WriteOptions{}); err != nil || r.Context != "" {
			t.Errorf("delete of nothing: %+v, %v", r, err)
		}
		if _, err := p[0].Delete(t.Context(), "default", key, request.WriteOptions{W: request.All}); err != nil {
			t.Fatal(err)
		}
		for _, n := range p {
			if got := n.holds(t, key); got != "†" {
				t.Errorf("%s holds %q", n.host, got)
			}
		}
	})
}

// plant puts a value into the copies of nodes, as if the others had missed it.
func plant(t *testing.T, key, value string, actor causal.Actor, nodes ...*testNode) {
	t.Helper()
	bucket, _ := nodes[0].agent.Document().Bucket("default")
	var none *causal.Object
	object := none.Put(causal.Write{
		Dot: causal.Dot{Actor: actor, Counter: 1}, Stamp: 1, Policy: causal.Siblings, Generation: bucket.Generation, Value: []byte(value),
	})
	for _, n := range nodes {
		if _, err := n.joinOwn(t.Context(), keyName{"default", key}, object, storage.KindJoin); err != nil {
			t.Fatal(err)
		}
	}
}

// An operation that is known mints nothing, through whichever coordinator it comes
// again, and whatever its preconditions say by then.
func TestARetryMintsNothing(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		o := request.WriteOptions{W: request.All, OpID: "op", IfNoneMatch: "*"}
		first := p[0].mustPut(t, key, "v", o)
		for _, n := range p {
			again := n.mustPut(t, key, "v", o)
			if again.ETag != first.ETag || again.Siblings != 1 || again.Acks != 3 || again.Durable != 3 {
				t.Errorf("retry at %s: %+v, want what the first made", n.host, again)
			}
		}
		if _, err := p[1].Put(t.Context(), "default", key, []byte("other"), o); !errors.Is(err, request.ErrPrecondition) {
			t.Errorf("the same name with another body is another operation: %v", err)
		}
		if o, err := p[0].store.Read(t.Context(), storage.Key{Bucket: "default", Key: key}); err != nil || len(o.Context.Dots()) != 1 {
			t.Errorf("dots %v, %v; want one", o.Context.Dots(), err)
		}
	})
}

// A repair joins: a replica that knows something else keeps it.
func TestReadRepairJoinsWhatReplicasHold(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		plant(t, key, "a", 1, p[0])
		plant(t, key, "b", 2, p[1], p[2])
		p[2].mustGet(t, key, "a+b", request.ReadOptions{R: request.All})
		synctest.Wait()
		for _, n := range p {
			if got := n.holds(t, key); got != "a+b" {
				t.Errorf("%s holds %q", n.host, got)
			}
		}
		if repairs := p[2].Counters().Repairs.Load(); repairs != 3 {
			t.Errorf("%d copies were repaired, want all three", repairs)
		}
	})
}

// What a node is sent is joined into what it holds, however old it is.
func TestADeliveryNeverOverwrites(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		p[0].mustPut(t, key, "new", request.WriteOptions{W: request.All})
		if err := p[0].Deliver(t.Context(), p[1].self, "default", key, sampleOf(p[0].agent.Document())); err != nil {
			t.Fatal(err)
		}
		if got := p[1].holds(t, key); got != "new+x" {
			t.Errorf("the node holds %q", got)
		}
	})
}
