package exchange

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// spoil gives some of a hundred keys to some nodes only, in all ways in which copies
// can differ, and returns how many keys differ.
func (w *world) spoil() int {
	differ := 0
	for i := range 100 {
		k, old, now := key(i), object(write(uint64(i+1), 1, 5, "old")), object(write(uint64(i+1), 1, 5, "old"), write(uint64(i+1), 2, 6, "new"))
		gone := object(write(uint64(i+1), 1, 5, "old"), write(uint64(i+1), 2, 6, ""))
		other := object(write(uint64(i+1)<<32, 1, 7, "other"))
		for j, one := range w.nodes {
			first := j == i%len(w.nodes)
			switch i % 7 {
			case 0: // all the same
				one.put(k, now)
			case 1: // missing somewhere
				if !first {
					one.put(k, now)
				}
			case 2: // only in one place
				if first {
					one.put(k, now)
				}
			case 3: // older somewhere
				one.put(k, pick(first, old, now))
			case 4: // deleted somewhere
				one.put(k, pick(first, gone, old))
			case 5: // siblings on both sides
				one.put(k, pick(first, other, now))
			case 6: // a tombstone where others have nothing
				if first {
					one.put(k, gone)
				}
			}
		}
		if i%7 != 0 {
			differ++
		}
	}
	return differ
}

func pick(first bool, a, b *causal.Object) *causal.Object {
	if first {
		return a
	}
	return b
}

func TestReplicasBecomeEqualWithoutAClient(t *testing.T) {
	for _, nodes := range []int{2, 3, 5} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nodes)
				if want := w.spoil(); w.unequal() != want {
					t.Fatalf("%d keys differ, want %d", w.unequal(), want)
				}
				w.start(Options{})
				time.Sleep(time.Duration(nodes) * 2 * DefaultEvery)
				if left := w.unequal(); left != 0 {
					t.Errorf("%d keys differ after exchanges: %+v", left, w.sum())
				}
				for i := range 100 { // what was deleted must not have come back, and siblings stay
					o, err := w.nodes[0].store.Read(t.Context(), key(i))
					want := 1
					if i%7 == 5 {
						want = 2
					}
					if err != nil || o == nil || len(o.Siblings) != want || (i%7 == 4 || i%7 == 6) != o.Siblings[0].Tombstone {
						t.Errorf("key %d holds %+v, %v", i, o, err)
					}
				}
			})
		})
	}
}

// One side alone asks: it takes what it lacks and gives what the other lacks.
func TestOneExchangeMakesBothSidesEqual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.spoil()
		w.start(Options{Every: -1})
		w.compareAll()
		if left := w.unequal(); left != 0 {
			t.Errorf("%d keys differ after one exchange of each partition: %+v", left, w.sum())
		}
		before := w.sum()
		w.compareAll()
		if s := w.sum(); s.Pulled != before.Pulled || s.Pushed != before.Pushed {
			t.Errorf("the second one ships something: %+v, before %+v", s, before)
		}
	})
}

// compareAll has the first node compare every key with the second.
func (w *world) compareAll() {
	w.t.Helper()
	var all segments
	for i := range all {
		all[i] = 0xff
	}
	for p := range ring.Partition(testPartitions) {
		if err := w.nodes[0].x.exchange(job{pair{p, w.nodes[1].id()}, &all}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// More keys and bytes than a piece holds, with large objects among them.
func TestAnExchangeGoesOnPieceByPiece(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		large := string(make([]byte, pieceBytes/3))
		p := key(0).Position().Partition(testPartitions)
		n := 0
		for i := 0; n < 2*pieceRows+100; i++ {
			if key(i).Position().Partition(testPartitions) != p {
				continue
			}
			value := "v"
			if n%100 == 0 {
				value = large
			}
			if err := w.nodes[n%2].fill(key(i), object(write(uint64(i+1), 1, 5, value))); err != nil {
				t.Fatal(err)
			}
			n++
		}
		w.start(Options{Every: -1})
		w.compareAll()
		if left, s := w.unequal(), w.sum(); left != 0 || s.Keys != int64(n) || s.Pulled+s.Pushed != int64(n) {
			t.Errorf("%d of %d keys differ: %+v", left, n, s)
		}
	})
}

// R2: what a node says it holds, it says after a sync that began after it looked.
func TestEqualIsSaidAfterASync(t *testing.T) {
	w := newWorld(t, 2)
	w.latency = 0
	w.start(Options{Every: -1})
	other := w.nodes[1]
	if err := other.store.BuildTree(t.Context(), 0, other.x.paced); err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]*ask{"an equal root": {kind: kindRoot}, "digests": {kind: kindDigests}} {
		before := other.store.Counters().Barriers
		if _, err := w.nodes[0].Ask(t.Context(), other.id(), a.partition, a.encode()); err != nil {
			t.Fatal(err)
		}
		if other.store.Counters().Barriers != before+1 {
			t.Errorf("%s: answered without a sync", name)
		}
	}
}

func TestEqualReplicasExchangeRootsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		for i := range 500 {
			for _, one := range w.nodes {
				one.put(key(i), object(write(uint64(i+1), 1, 5, "v")))
			}
		}
		w.start(Options{})
		time.Sleep(10 * DefaultEvery)
		s := w.sum()
		if s.Pulled != 0 || s.Pushed != 0 || s.Keys != 0 || s.Segments != 0 || w.asked(kindDigests) != 0 || w.asked(kindFetch) != 0 {
			t.Errorf("equal replicas: %+v, asks %v", s, w.asks)
		}
		if least := int64(3 * testPartitions * 7); s.Exchanges < least || s.Equal != s.Exchanges || s.Exchanges > 2*least {
			t.Errorf("%d exchanges, %d of them equal, in 10 rounds of %d partitions", s.Exchanges, s.Equal, 3*testPartitions)
		}
		if each := s.BytesOut / s.Messages; each > 20 {
			t.Errorf("an equal exchange sends %d bytes", each)
		}
	})
}

// Both turns are taken: with each of the others, not always with the first.
func TestEachReplicaIsAPartnerInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		x := &Exchange{self: w.nodes[0].id(), o: Options{Cluster: w.nodes[0]}}
		serving := w.nodes[0].Document().Entry(0).Serving
		met := map[ring.NodeID]int{}
		turn := &turn{}
		for range 6 {
			id, ok := x.partner(serving, turn)
			if !ok {
				t.Fatal("nobody is a partner")
			}
			met[id]++
		}
		if len(met) != 3 || met[w.nodes[1].id()] != 2 || met[w.nodes[2].id()] != 2 || met[w.nodes[3].id()] != 2 {
			t.Errorf("6 turns among three others met %v", met)
		}
		w.away[w.nodes[1].id()], w.away[w.nodes[2].id()] = true, true
		if id, ok := x.partner(serving, turn); !ok || id != w.nodes[3].id() {
			t.Errorf("with two away the partner is %s, %v", id, ok)
		}
	})
}

func TestANodeThatIsBackIsComparedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.start(Options{Every: time.Hour})
		time.Sleep(time.Second) // trees are built
		late := w.nodes[2]
		w.say(late.id(), true)
		for i := range 100 {
			w.nodes[0].put(key(i), object(write(uint64(i+1), 1, 5, "v")))
			w.nodes[1].put(key(i), object(write(uint64(i+1), 1, 5, "v")))
		}
		w.say(late.id(), false)
		time.Sleep(3 * soon)
		if left := w.unequal(); left != 0 {
			t.Errorf("%d keys differ %v after a node came back: %+v", left, 3*soon, w.sum())
		}
	})
}

func TestATreeThatIsBeingBuiltSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.start(Options{Every: -1}) // no trees
		a, b := w.nodes[0], w.nodes[1]
		b.put(key(1), object(write(1, 1, 5, "v")))
		j := job{pair: pair{key(1).Position().Partition(testPartitions), b.id()}}
		if err := a.x.exchange(j); err != nil || w.asked(kindRoot) != 0 {
			t.Errorf("without a tree a root was asked for, %v", err)
		}
		if err := a.store.BuildTree(t.Context(), j.partition, a.x.paced); err != nil {
			t.Fatal(err)
		}
		if err := a.x.exchange(j); err != nil || a.x.Stats().Unknown != 2 || a.x.Stats().Equal != 0 {
			t.Errorf("with a tree on one side: %+v, %v", a.x.Stats(), err)
		}
		if w.unequal() != 1 {
			t.Error("something was compared all the same")
		}
		if err := b.store.BuildTree(t.Context(), j.partition, b.x.paced); err != nil {
			t.Fatal(err)
		}
		if err := a.x.exchange(j); err != nil || w.unequal() != 0 {
			t.Errorf("with both trees %d keys differ: %+v, %v", w.unequal(), a.x.Stats(), err)
		}
	})
}

// R3: whoever lost the partition, or holds another entry than the asker knows, refuses.
func TestWhoServesAPartitionNoMoreRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.start(Options{Every: -1})
		a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
		b.put(key(1), object(write(1, 1, 5, "v")))
		p := key(1).Position().Partition(testPartitions)
		var all segments
		for i := range ring.Segment(ring.SegmentsPerPartition) {
			all.add(i)
		}
		next := relayout(t, a.Document(), p, ring.Entry{Serving: []ring.NodeID{a.id(), c.id()}, Former: []ring.NodeID{b.id()}, Phase: ring.PhaseDrop})
		b.install(next)
		if err := a.x.exchange(job{pair{p, b.id()}, &all}); !errors.Is(err, errNotHere) {
			t.Errorf("a node that lost the partition: %v", err)
		}
		if err := c.x.exchange(job{pair{p, a.id()}, &all}); err != nil {
			t.Errorf("between two of the older document: %v", err)
		}
		a.install(next)
		if err := c.x.exchange(job{pair{p, a.id()}, &all}); !errors.Is(err, errNotHere) {
			t.Errorf("a node whose entry has changed since the asker's document: %v", err)
		}
		c.install(next)
		if err := c.x.exchange(job{pair{p, a.id()}, &all}); err != nil {
			t.Errorf("between two of the newer document: %v", err)
		}
		asks := w.asked(kindDigests)
		if err := a.x.exchange(job{pair{p, b.id()}, &all}); err != nil || w.asked(kindDigests) != asks {
			t.Errorf("a former owner is asked, %v", err)
		}
		if o, err := a.store.Read(t.Context(), key(1)); o != nil || err != nil {
			t.Errorf("something came from a former owner: %v, %v", o, err)
		}
		if _, err := b.x.Handle(t.Context(), next.Version, (&ask{kind: kindRoot, partition: p}).encode()); !errors.Is(err, errNotHere) {
			t.Errorf("a former owner answers: %v", err)
		}
	})
}

// While the layout changes, those who serve exchange; a newcomer is left to the transfer.
func TestInAChangeThoseWhoServeExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
		p := key(1).Position().Partition(testPartitions)
		next := relayout(t, a.Document(), p, ring.Entry{
			Serving: []ring.NodeID{a.id(), b.id()}, Next: []ring.NodeID{b.id(), c.id()}, Phase: ring.PhaseCopy,
		})
		for _, one := range w.nodes {
			one.install(next)
		}
		a.put(key(1), object(write(1, 1, 5, "v")))
		w.start(Options{})
		time.Sleep(3 * DefaultEvery)
		for _, one := range w.nodes {
			o, err := one.store.Read(t.Context(), key(1))
			if err != nil || (o != nil) != (one != c) {
				t.Errorf("node %s holds %v, %v", one.id(), o, err)
			}
		}
		w.byID[c.id()].x.Dirty(key(1), a.id())
		w.byID[a.id()].x.Dirty(key(1), c.id())
		if n := w.sum().Dirty; n != 0 {
			t.Errorf("%d entries with one who does not serve", n)
		}
	})
}

// relayout is doc with another entry for p.
func relayout(t *testing.T, doc *ring.Document, p ring.Partition, e ring.Entry) *ring.Document {
	t.Helper()
	next := doc.Clone()
	next.Version++
	e.Changed = next.Version
	next.Layout[p] = e
	next, err := next.Seal()
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// What is of a bucket that was dropped is removed where it lies, and not spread.
func TestWhatIsOfNoBucketIsNotShipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		gone := storage.Key{Bucket: "gone", Key: "k"}
		w.nodes[0].put(gone, object(write(1, 1, 5, "v")))
		old := write(1, 1, 5, "v")
		old.Generation = 7
		w.nodes[0].put(key(1), object(old))
		w.start(Options{})
		time.Sleep(3 * DefaultEvery)
		for _, k := range []storage.Key{gone, key(1)} {
			if o, err := w.nodes[1].store.Read(t.Context(), k); o != nil || err != nil {
				t.Errorf("%v came to the other node: %v, %v", k, o, err)
			}
		}
	})
}

func TestCloseEndsWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.spoil()
		held := &heldPace{}
		w.start(Options{Pace: held})
		time.Sleep(2 * DefaultEvery)
		before := time.Now()
		for _, one := range w.nodes {
			one.x.Close()
		}
		if time.Since(before) > 0 || held.paid.Load() != 0 {
			t.Errorf("closing took %v; %d bytes were moved while the pace held everything", time.Since(before), held.paid.Load())
		}
	})
}

// heldPace lets nothing go on.
type heldPace struct{ paid atomic.Int64 }

func (p *heldPace) Wait(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
func (p *heldPace) Pay(n int)                      { p.paid.Add(int64(n)) }
