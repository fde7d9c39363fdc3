package exchange

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/ring"
)

func TestTheLedgerIsServedAtOnceAndWithoutTrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.start(Options{Every: -1})
		a, b := w.nodes[0], w.nodes[1]
		for i := range 10 {
			a.put(key(i), object(write(uint64(i+1), 1, 5, "v")))
			a.x.Dirty(key(i), b.id())
			a.x.Dirty(key(i), b.id()) // one entry
		}
		if s := a.x.Stats(); s.Dirty != 10 || s.DirtyOldest.IsZero() {
			t.Errorf("the ledger has %d entries since %v, want 10", s.Dirty, s.DirtyOldest)
		}
		time.Sleep(2 * ledgerAfter)
		s := a.x.Stats()
		if w.unequal() != 0 || s.Dirty != 0 || !s.DirtyOldest.IsZero() || s.Served != 10 || s.Pushed != 10 {
			t.Errorf("%d keys differ: %+v", w.unequal(), s)
		}
		if w.asked(kindRoot) != 0 {
			t.Error("a root was asked for")
		}
	})
}

func TestALedgerEntryStaysUntilItIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.start(Options{Every: -1})
		a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
		w.say(b.id(), true)
		since := time.Now()
		a.put(key(1), object(write(1, 1, 5, "v")))
		a.x.Dirty(key(1), b.id())
		a.x.Dirty(key(1), c.id())
		time.Sleep(10 * time.Minute)
		s := a.x.Stats()
		if s.Dirty != 1 || !s.DirtyOldest.Equal(since) {
			t.Errorf("with one away the ledger has %d entries since %v", s.Dirty, s.DirtyOldest)
		}
		if o, _ := c.store.Read(t.Context(), key(1)); o == nil {
			t.Error("one that is away keeps the ledger from the others")
		}
		w.say(b.id(), false)
		time.Sleep(2 * ledgerAfter)
		if s := a.x.Stats(); w.unequal() != 0 || s.Dirty != 0 {
			t.Errorf("%d keys differ once it is back: %+v", w.unequal(), s)
		}
	})
}

func TestALedgerEntryIsTriedAgainAndLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.start(Options{Every: -1})
		a, b := w.nodes[0], w.nodes[1]
		a.put(key(1), object(write(1, 1, 5, "v")))
		next := relayout(t, a.Document(), key(1).Position().Partition(testPartitions), ring.Entry{Serving: []ring.NodeID{a.id(), b.id()}})
		b.install(next) // it refuses an older asker
		a.x.Dirty(key(1), b.id())
		time.Sleep(10 * time.Minute)
		if tries := w.asked(kindDigests); tries < 5 || tries > 20 || a.x.Stats().Dirty != 1 {
			t.Errorf("%d tries in ten minutes: %+v", tries, a.x.Stats())
		}
		a.install(next)
		time.Sleep(ledgerSlowest)
		if s := a.x.Stats(); w.unequal() != 0 || s.Dirty != 0 {
			t.Errorf("%d keys differ: %+v", w.unequal(), s)
		}
	})
}

func TestTheLedgerForgetsWhoServesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.start(Options{Every: -1})
		a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
		w.say(b.id(), true)
		a.x.Dirty(key(1), b.id())
		p := key(1).Position().Partition(testPartitions)
		next := relayout(t, a.Document(), p, ring.Entry{Serving: []ring.NodeID{a.id(), c.id()}})
		a.install(next)
		time.Sleep(time.Second)
		if n := a.x.Stats().Dirty; n != 0 {
			t.Errorf("%d entries of a node that does not serve", n)
		}
	})
}
