package replication

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/replication/governor"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// shortly has what is deleted reaped a second later, at the next look.
func (c *cluster) shortly(t *testing.T) {
	t.Helper()
	c.set(t, func(s *ring.Settings) { s.GraceMillis = 1000 }, c.nodes...)
	synctest.Wait()
}

// objects counts what a node's store has.
func (n *testNode) objects(t *testing.T) (count int) {
	t.Helper()
	for _, err := range n.store.Scan(t.Context(), storage.ScanFrom{}, ^ring.Position(0)) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	return count
}

// reaped counts the keys that were removed, on all nodes.
func (c *cluster) reaped() (keys int64) {
	for _, n := range c.nodes {
		keys += n.Reap().Report().Reaped
	}
	return keys
}

const (
	reapKeys = 40
	aLook    = 15 * time.Second // longer than from one look at what may be reaped to the next
)

func TestWhatIsDeletedIsReapedAndContextsAreNarrowed(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		c.shortly(t)
		for i := range reapKeys {
			key, p, _ := c.key(i)
			p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
			v := p[1].mustGet(t, key, "v", request.ReadOptions{})
			p[1].mustPut(t, key, "w", request.WriteOptions{W: request.All, Context: v.Context}) // by another actor
			if i%2 == 0 {
				if _, err := p[2].Delete(t.Context(), "default", key, request.WriteOptions{W: request.All}); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(2 * aLook)
		synctest.Wait()
		if got, want := c.reaped(), int64(3*reapKeys/2); got != want {
			t.Errorf("%d keys were reaped, want %d", got, want)
		}
		for i := range reapKeys {
			key, p, _ := c.key(i)
			for _, n := range p {
				o, err := n.store.Read(t.Context(), storage.Key{Bucket: "default", Key: key})
				switch {
				case err != nil:
					t.Fatal(err)
				case i%2 == 0 && o != nil:
					t.Errorf("%s still has the deleted key %s: %s", n.host, key, values(o))
				case i%2 == 1 && (values(o) != "w" || o.Context.Len() != 1):
					t.Errorf("%s has %s of key %s, and a context of %d", n.host, values(o), key, o.Context.Len())
				}
			}
		}
		for _, n := range c.nodes {
			if r := n.Reap().Report(); r.Mortal != 0 || r.Wide != 0 || len(r.Waiting) > 0 {
				t.Errorf("%s has something left: %+v", n.host, r)
			}
		}
		rounds := func() (n int64) {
			for _, node := range c.nodes {
				n += node.Reap().Report().Rounds
			}
			return n
		}
		before := rounds()
		time.Sleep(10 * aLook)
		if after := rounds(); after != before {
			t.Errorf("at rest, %d more rounds were led", after-before)
		}
		key, p, _ := c.key(0)
		p[0].mustPut(t, key, "again", request.WriteOptions{})
		time.Sleep(2 * aLook)
		p[1].mustGet(t, key, "again", request.ReadOptions{R: request.All})
	})
}

func TestWhatHasExpiredIsReaped(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		c.shortly(t)
		n := c.nodes[0]
		n.mustPut(t, "k", "v", request.WriteOptions{W: request.All, TTL: time.Minute})
		time.Sleep(time.Minute)
		if n.objects(t) != 1 {
			t.Error("it was reaped before its time")
		}
		time.Sleep(2 * aLook)
		for _, n := range c.nodes {
			if got := n.objects(t); got != 0 {
				t.Errorf("%s has %d objects", n.host, got)
			}
		}
	})
}

// While something may still be somewhere, nothing is reaped, and it is said why.
func TestNothingIsReapedWithoutProof(t *testing.T) {
	for name, tc := range map[string]struct {
		hold func(t *testing.T, c *cluster, key string) (release func())
		says string
	}{
		"a member is silent": {says: "does not answer", hold: func(_ *testing.T, c *cluster, _ string) func() {
			_, _, others := c.key(0)
			lost := others[0] // not who leads the key's rounds
			rest := slices.DeleteFunc(slices.Clone(c.nodes), func(n *testNode) bool { return n == lost })
			c.cut(lost, rest...)
			for _, n := range rest {
				n.health.Failed(lost.self, "it is cut off")
			}
			return func() { c.mend(lost, rest...) }
		}},
		"a hint is kept": {says: "holds hints", hold: func(t *testing.T, c *cluster, key string) func() {
			_, p, others := c.key(0)
			_, err := others[0].store.Write(t.Context(), storage.Key{Bucket: "default", Key: key}, storage.KindHint, func(tx *storage.Tx) error {
				o := (&causal.Object{}).Put(causal.Write{Tombstone: true, Dot: causal.Dot{Actor: 7, Counter: 1}, Policy: causal.Siblings, Generation: 1, Epoch: tx.Partition().Epochs.Raised})
				tx.SetHint(&storage.Hint{Targets: []ring.NodeID{p[0].self}, Since: others[0].store.Now(), Mark: 1, Object: o})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			others[0].governor.Pause(governor.Hints)
			return func() { others[0].governor.Resume(governor.Hints) }
		}},
		"a replica differs": {says: "differ", hold: func(t *testing.T, c *cluster, key string) func() {
			_, p, _ := c.key(0)
			_, err := p[1].store.Write(t.Context(), storage.Key{Bucket: "default", Key: key}, storage.KindRepair, func(tx *storage.Tx) error {
				tx.SetObject(tx.Object().Put(causal.Write{
					Dot: causal.Dot{Actor: 7, Counter: 1}, Stamp: 1, Tombstone: true, Policy: causal.Siblings, Generation: 1, Epoch: tx.Partition().Epochs.Raised,
				}))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range c.nodes {
				n.governor.Pause(governor.Exchange)
			}
			return func() {
				for _, n := range c.nodes {
					n.governor.Resume(governor.Exchange)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 5, func(t *testing.T, c *cluster) {
				c.shortly(t)
				key, p, _ := c.key(0)
				p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
				if _, err := p[0].Delete(t.Context(), "default", key, request.WriteOptions{W: request.All}); err != nil {
					t.Fatal(err)
				}
				release := tc.hold(t, c, key)
				waits := map[string]bool{}
				for range 6 {
					time.Sleep(aLook)
					for _, n := range c.nodes {
						for _, why := range n.Reap().Report().Waiting {
							waits[why] = true
						}
					}
				}
				if c.reaped() != 0 {
					t.Fatal("a key was reaped")
				}
				if !slices.ContainsFunc(slices.Collect(maps.Keys(waits)), func(why string) bool { return strings.Contains(why, tc.says) }) {
					t.Errorf("it waits for %v, want one that says %q", waits, tc.says)
				}
				release()
				time.Sleep(3 * time.Minute)
				if got := c.reaped(); got < 3 { // what a slow repair brings back is reaped again
					t.Errorf("at last %d keys were reaped, want 3", got)
				}
				for _, n := range c.nodes {
					if got := n.objects(t); got != 0 {
						t.Errorf("at last %s has %d objects", n.host, got)
					}
				}
			})
		})
	}
}

// What was read before a round, and arrives after it, is refused wherever it arrives.
func TestWhatIsOnItsWayComesToNothingWhenItsKeyWasReaped(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		c.shortly(t)
		key, p, others := c.key(0)
		p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
		old, err := p[0].store.Read(t.Context(), storage.Key{Bucket: "default", Key: key})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p[0].Delete(t.Context(), "default", key, request.WriteOptions{W: request.All}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * aLook)
		if got := c.reaped(); got != 3 {
			t.Fatalf("%d keys were reaped, want 3", got)
		}
		for _, n := range p[1:] {
			if err := p[0].Deliver(t.Context(), n.self, "default", key, old); !isEpoch(err) {
				t.Errorf("delivered to %s: %v", n.host, err)
			}
			if got := n.holds(t, key); got != "" {
				t.Errorf("%s has %s back", n.host, got)
			}
		}
		if _, err := p[0].joinOwn(t.Context(), keyName{"default", key}, old, storage.KindRepair); !errors.Is(err, storage.ErrEpoch) {
			t.Errorf("joined at home: %v", err)
		}
		m := &joinRequest{w: 2, key: keyName{"default", key}, targets: []ring.NodeID{p[0].self}, object: old}
		if _, err := others[0].store.Write(t.Context(), m.key.stored(), storage.KindHint, func(tx *storage.Tx) error {
			return others[0].joinTx(tx, m, c.nodes[0].agent.Document().Version)
		}); !errors.Is(err, storage.ErrEpoch) {
			t.Errorf("as a hint: %v", err)
		}
	})
}

// A put that meets a round on its way is acknowledged by all all the same.
func TestAPutThatMeetsARoundIsSentAgain(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		position := storage.Key{Bucket: "default", Key: key}.Position()
		raise := func(n *testNode, number uint64) {
			partition := position.Partition(8)
			err := n.store.ChangeEpochs(t.Context(), []ring.Partition{partition}, func(_ ring.Partition, e storage.Epochs) (storage.Epochs, bool) {
				e.Raised = causal.Epoch{Number: number, Round: 1}
				return e, true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		raise(p[1], 1)
		raise(p[2], 2)
		receipt := p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
		if receipt.Primary != 3 {
			t.Errorf("%d primaries have it: %v", receipt.Primary, receipt.Results)
		}
		for i, n := range p {
			if got := n.store.Epochs(position.Partition(8)).Raised.Number; n.holds(t, key) != "v" || i != 1 && got != 2 {
				t.Errorf("%s holds %q and is at epoch %d", n.host, n.holds(t, key), got)
			}
		}
		c.cut(p[1], slices.Concat(p[:1], p[2:], others)...)
		raise(others[0], 3)
		for i := range 3 {
			if r := p[0].mustPut(t, key, fmt.Sprint(i), request.WriteOptions{W: 3}); r.Acks < 3 {
				t.Errorf("put %d: %v", i, r.Results)
			}
		}
	})
}

// What a delete found by a read of its own may have been read before a round that begins
// then: it reads again.
func TestADeleteThatMeetsARoundReadsAgain(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
		_, err := p[1].store.Write(t.Context(), storage.Key{Bucket: "default", Key: key}, storage.KindRepair, func(tx *storage.Tx) error {
			tx.SetObject(tx.Object().Put(causal.Write{
				Dot: causal.Dot{Actor: 7, Counter: 1}, Stamp: 1, Value: []byte("w"), Policy: causal.Siblings, Generation: 1, Epoch: tx.Partition().Epochs.Raised,
			}))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w, err := p[0].newWrite(t.Context(), verbDelete, keyName{"default", key}, nil, request.WriteOptions{W: request.All})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p[0].readBeforeDelete(t.Context(), w); err != nil || values(w.base) == "v" {
			t.Fatalf("it has read %s, %v; want what the other replica has too", values(w.base), err)
		}
		err = p[0].store.ChangeEpochs(t.Context(), []ring.Partition{w.place.partition}, func(_ ring.Partition, e storage.Epochs) (storage.Epochs, bool) {
			e.Raised = causal.Epoch{Number: 1}
			return e, true
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p[0].coordinate(t.Context(), w); err != nil {
			t.Errorf("delete: %v", err)
		}
		if _, err := p[1].Get(t.Context(), "default", key, request.ReadOptions{R: request.All}); !errors.Is(err, request.ErrNotFound) {
			t.Errorf("after it: %v", err)
		}
	})
}

// A store that is new where something may have been reaped takes the epochs first.
func TestANewStoreTakesTheEpochsFirst(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		want := causal.Epoch{Number: 4, Round: 2}
		all := []ring.Partition{0, 1, 2, 3, 4, 5, 6, 7}
		for _, n := range c.nodes {
			err := n.store.ChangeEpochs(t.Context(), all, func(_ ring.Partition, e storage.Epochs) (storage.Epochs, bool) {
				return storage.Epochs{Raised: want, Committed: want}, true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		last := &testNode{host: "new"}
		last.free.Store(1 << 40)
		var err error
		if last.store, err = storage.Open("store", storage.Options{FS: vfs.NewMem(), Clock: skewed{last}}); err != nil {
			t.Fatal(err)
		}
		peers := append(c.Peers(), ring.Peer{ID: last.store.NodeID(), Name: "new", RPC: "new:1", Nonce: 1})
		c.peers.Store(&peers)
		c.start(last)
		adopt := func(next *ring.Document) {
			if next, err = next.Seal(); err != nil {
				t.Fatal(err)
			}
			for _, n := range append(c.nodes, last) {
				if err := n.agent.Adopt(t.Context(), next.Raw()); err != nil {
					t.Fatal(err)
				}
			}
		}
		next := c.nodes[0].agent.Document().Clone()
		next.Version, next.Reaping = next.Version+1, true
		adopt(next)
		c.nodes[0].health.Learn(&ring.Document{Members: []ring.Member{{ID: last.self, Name: "new", RPC: "new:1"}}})
		time.Sleep(aLook)
		if err := errors.Join(last.learnEpochs(t.Context(), c.nodes[0].self, 0), c.nodes[0].learnEpochs(t.Context(), last.self, 0)); err != nil {
			t.Fatal(err)
		}
		if e := last.store.Epochs(0); !e.Awaited || e.Raised != (causal.Epoch{}) {
			t.Fatalf("no member yet, it has taken epochs, and rounds go on without it: %+v", e)
		}
		c.cut(last, c.nodes...)
		next = next.Clone()
		next.Version++
		next.Members = append(next.Members, ring.Member{ID: last.self, Name: "new", Weight: 100, RPC: "new:1"})
		slices.SortFunc(next.Members, func(a, b ring.Member) int { return cmp.Compare(a.ID, b.ID) })
		adopt(next)
		time.Sleep(aLook)
		if _, err := last.store.Write(t.Context(), storage.Key{Bucket: "default", Key: "k"}, storage.KindHint, func(tx *storage.Tx) error {
			tx.SetHint(&storage.Hint{Targets: []ring.NodeID{c.nodes[0].self}, Mark: 1})
			return nil
		}); !errors.Is(err, storage.ErrNoEpochs) {
			t.Errorf("cut off, it takes a hint: %v", err)
		}
		c.mend(last, c.nodes...)
		time.Sleep(aLook)
		for _, p := range all {
			if e := last.store.Epochs(p); e.Awaited || e.Raised != want || e.Committed != want {
				t.Errorf("partition %d is at %+v", p, e)
			}
		}
	})
}
