package replication

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// Both nodes that hold no replica are alone together. They still take writes, from
// their hints, show them to each other, and hand them over when the split ends; the
// first write is made before anybody has noticed the split.
func TestFallbacksTakeWritesThatReachThePrimariesAfterTheSplit(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		for _, n := range others {
			c.cut(n, p...)
		}
		for i, value := range []string{"first", "second"} {
			r := others[i].mustPut(t, key, value, request.WriteOptions{})
			if r.Acks != 2 || r.Primary != 0 || r.Hinted == 0 {
				t.Errorf("receipt %+v, want two hints", r)
			}
			for _, n := range others {
				if h := n.hint(t, key); h == nil || len(h.Targets) == 0 {
					t.Errorf("%s keeps %+v, want a hint with targets", n.host, h)
				}
			}
			others[1-i].mustGet(t, key, value, request.ReadOptions{})
		}
		// Within its deadline what the split held up of a put may be minted once more, and a
		// put without context replaces what it meets: a stated limit (package replication).
		time.Sleep(2 * time.Second)
		for _, n := range others {
			c.mend(n, p...)
		}
		time.Sleep(30 * time.Second)
		for _, n := range c.nodes {
			if owed := n.store.HintStats().Count; owed != 0 {
				t.Errorf("%s still keeps %d hints", n.host, owed)
			}
		}
		for _, n := range p { // each may have minted the first one too, when what was sent to it came through
			o, err := n.store.Read(t.Context(), keyName{"default", key}.stored())
			if err != nil {
				t.Fatal(err)
			}
			if live := o.Live(0); len(live) != 1 || string(live[0].Value) != "second" {
				t.Errorf("%s shows %d values of %s, want the second", n.host, len(live), values(o))
			}
		}
	})
}

func TestAStrictWriteIsNeverCountedWithFallbacks(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		c.cut(p[1], c.nodes...)
		c.cut(p[2], c.nodes...)
		for _, n := range []*testNode{p[0], others[0]} {
			_, err := n.Put(t.Context(), "default", key, nil, request.WriteOptions{Strict: request.On})
			if !errors.Is(err, request.ErrQuorum) {
				t.Errorf("put at %s: %v", n.host, err)
			}
		}
		w := &write{key: keyName{"default", key}, knobs: knobs{strict: true}}
		if _, err := others[0].coordinate(t.Context(), w); !errors.Is(err, errStale) {
			t.Errorf("a fallback that is handed a strict write: %v", err)
		}
	})
}

func TestASlowPrimaryIsDirtyAndAnAbsentOneIsOwed(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		c.cut(p[0], p[1])
		time.AfterFunc(20*time.Millisecond, func() { c.mend(p[0], p[1]) })
		p[0].mustPut(t, key, "v", request.WriteOptions{})
		time.Sleep(time.Second)
		if h := p[0].hint(t, key); h != nil || p[1].holds(t, key) != "v" {
			t.Errorf("for a slow primary that holds %q there is a hint %+v", p[1].holds(t, key), h)
		}
		next := p[1].agent.Document().Clone()
		next.Version++
		for i := range next.Layout {
			next.Layout[i].Changed = next.Version
		}
		if next, err := next.Seal(); err != nil || p[1].agent.Adopt(t.Context(), next.Raw()) != nil {
			t.Fatalf("it cannot be made to refuse: %v", err)
		}
		p[0].alone.Store(true)
		p[0].mustPut(t, key, "refused", request.WriteOptions{})
		synctest.Wait()
		if h := p[0].hint(t, key); h != nil || p[0].Counters().Dirty.Load() != 1 {
			t.Errorf("for a primary that refuses there is a hint %+v, and %d are dirty", h, p[0].Counters().Dirty.Load())
		}
		c.net.Kill(p[1].host)
		p[0].mustPut(t, key, "w", request.WriteOptions{})
		synctest.Wait()
		if h := p[0].hint(t, key); h == nil || h.Object != nil || len(h.Targets) != 1 || h.Targets[0] != p[1].self {
			t.Errorf("for a dead primary there is %+v, want a marker", h)
		}
	})
}

// A coordinator that got a put and is silent may have written it: what another one
// says must not read as "nothing was written".
func TestARefusalBehindASilentCoordinatorIsNoProof(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
		_, err := others[0].Put(t.Context(), "default", key, nil, request.WriteOptions{IfNoneMatch: "*"})
		if !errors.Is(err, request.ErrPrecondition) || request.OutcomeOf(err) != request.None {
			t.Errorf("refused by the one that was asked: %v, outcome %v", err, request.OutcomeOf(err))
		}
		c.cut(p[0], c.nodes...)
		_, err = others[0].Put(t.Context(), "default", key, nil, request.WriteOptions{IfNoneMatch: "*"})
		if !errors.Is(err, request.ErrPrecondition) || request.OutcomeOf(err) != request.Unknown {
			t.Errorf("refused behind a silent one: %v, outcome %v", err, request.OutcomeOf(err))
		}
	})
}

// What a split holds up arrives when its client has long given up.
func TestNobodyMintsAfterTheDeadline(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		others[0].mustGet(t, key, "", request.ReadOptions{}) // connections stand
		c.cut(others[0], p...)
		c.cut(others[0], others[1])
		_, err := others[0].Put(t.Context(), "default", key, []byte("late"), request.WriteOptions{Strict: request.On, Timeout: 400 * time.Millisecond})
		if !errors.Is(err, request.ErrQuorum) || request.OutcomeOf(err) != request.Unknown {
			t.Fatalf("put: %v, outcome %v", err, request.OutcomeOf(err))
		}
		time.Sleep(time.Second)
		c.mend(others[0], p...)
		time.Sleep(time.Second)
		for _, n := range p {
			if got := n.holds(t, key); got != "" {
				t.Errorf("%s holds %q", n.host, got)
			}
		}
	})
}

// A start has the store's clock seconds ahead of the wall. Nodes that have all started a
// moment ago, some of them twice, take what others hand to them all the same.
func TestAWriteIsMintedByNodesThatHaveJustStarted(t *testing.T) {
	twice := func(i int) vfs.FS {
		fs := vfs.NewMem()
		if i == 0 {
			return fs
		}
		store, err := storage.Open("store", storage.Options{FS: fs})
		if err == nil {
			err = store.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return fs
	}
	inClusterOver(t, 5, twice, func(t *testing.T, c *cluster) {
		for i := range 20 {
			key, primaries, _ := c.key(i)
			if !slices.Contains(primaries, c.nodes[0]) {
				c.nodes[0].mustPut(t, key, "v", request.WriteOptions{Strict: request.On})
				return
			}
		}
		t.Fatal("the first node is a replica of every key")
	})
}

// R3: a replica whose entry has changed since the sender's document refuses, under
// the key's lock, and a read is checked after it has read.
func TestASenderThatMissedAChangeIsRefused(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		old := p[0].agent.Document()
		next := old.Clone()
		next.Version++
		partition := storage.Key{Bucket: "default", Key: key}.Position().Partition(next.Partitions)
		next.Layout[partition] = ring.Entry{Serving: []ring.NodeID{p[0].self, p[1].self, others[0].self}, Changed: next.Version}
		next, err := next.Seal()
		if err != nil {
			t.Fatal(err)
		}
		place := p[0].place(old, storage.Key{Bucket: "default", Key: key}.Position())
		for _, n := range c.nodes {
			if err := n.agent.Adopt(t.Context(), next.Raw()); err != nil {
				t.Fatal(err)
			}
		}
		object := sampleOf(old)
		from := rpc.Peer{ID: p[1].self, Nonce: 1}
		for name, m := range map[string]*joinRequest{
			"a join": {key: keyName{"default", key}, object: object},
			"a hint": {key: keyName{"default", key}, object: object, targets: []ring.NodeID{p[1].self}},
		} {
			for _, n := range []*testNode{p[0], others[1]} {
				if _, err := n.serveJoin(t.Context(), &rpc.Request{From: from, Document: old.Version, Body: m.encode()}); !errors.Is(err, errStale) {
					t.Errorf("%s of an older document: %v", name, err)
				}
				if n.holds(t, key) != "" || n.hint(t, key) != nil {
					t.Errorf("%s of an older document is kept", name)
				}
			}
		}
		body := (&readRequest{key: keyName{"default", key}}).encode()
		if _, err := p[0].serveRead(t.Context(), &rpc.Request{From: from, Document: old.Version, Body: body}); !errors.Is(err, errStale) {
			t.Errorf("a read of an older document: %v", err)
		}
		w := &write{key: keyName{"default", key}, place: place, bucket: ring.Bucket{Generation: 1}, latest: ^causal.Stamp(0)}
		for _, holds := range []bool{true, false} {
			w.place.holds = holds
			if _, err := p[0].mint(t.Context(), w); !errors.Is(err, errStale) || p[0].holds(t, key) != "" || p[0].hint(t, key) != nil {
				t.Errorf("minted by an older document: %v", err)
			}
		}
		if _, err := p[2].joinOwn(t.Context(), keyName{"default", key}, object, storage.KindRepair); !errors.Is(err, errStale) {
			t.Errorf("repaired into a copy that is none any more: %v", err)
		}
		p[2].mustPut(t, key, "v", request.WriteOptions{W: request.All}) // with the new document all is well
		if got := others[0].holds(t, key); got != "v" {
			t.Errorf("the new replica holds %q", got)
		}
	})
}

// sampleOf is an object of the default bucket.
func sampleOf(doc *ring.Document) *causal.Object {
	bucket, _ := doc.Bucket("default")
	var none *causal.Object
	return none.Put(causal.Write{Dot: causal.Dot{Actor: 1, Counter: 1}, Stamp: 1, Policy: causal.Siblings, Generation: bucket.Generation, Value: []byte("x")})
}
