package heal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// whole checks that a node reads every key, and knows of no damage.
func (n *node) whole() {
	n.w.t.Helper()
	if bad := n.unread(); len(bad) > 0 {
		n.w.t.Errorf("%d keys cannot be read: %v", len(bad), n.heal.Alarms())
	}
	for _, err := range n.store.Scan(n.w.t.Context(), storage.ScanFrom{}, ^ring.Position(0)) {
		if err != nil {
			n.w.t.Errorf("scan: %v", err)
		}
	}
	if left := n.store.Damages(); len(left) > 0 {
		n.w.t.Errorf("damage is left: %+v", left)
	}
}

// told reports whether one of a node's alarms has all words.
func (n *node) told(words ...string) bool {
	return slices.ContainsFunc(n.heal.Alarms(), func(alarm string) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(alarm, word) })
	})
}

func TestDamageIsRebuiltFromTheOthers(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			bad := w.nodes[0].damage(seed)
			if len(bad) == 0 {
				t.Fatal("no key was damaged")
			}
			w.start()
			time.Sleep(time.Minute)
			synctest.Wait()
			w.nodes[0].whole()
			s := w.nodes[0].heal.Stats()
			if s.Tables != 1 || s.Spans != 1 || s.Fetched < int64(len(bad)) || s.Fetched > testKeys/4 || s.Failed > 0 || s.Lost > 0 || s.Damages > 0 {
				t.Errorf("%d keys were damaged: %+v", len(bad), s)
			}
			if w.nodes[0].healed != 1 || !w.nodes[0].told("was rebuilt", fmt.Sprintf("%d keys", s.Fetched), ".sst") {
				t.Errorf("nobody was told: %d, %q", w.nodes[0].healed, w.nodes[0].heal.Alarms())
			}
			for _, n := range w.nodes[1:] {
				if n.heal.Alarms() != nil || n.heal.Stats() != (Stats{}) {
					t.Errorf("a node without damage has done %+v and says %q", n.heal.Stats(), n.heal.Alarms())
				}
			}
		})
	}
}

func TestWithNobodyUpNothingIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.nodes[0]
		bad := n.damage(1)
		w.say(w.away, true, w.nodes[1:]...)
		w.start()
		time.Sleep(time.Minute)
		if got := n.unread(); !slices.Equal(got, bad) || n.heal.Stats().Spans > 0 {
			t.Errorf("%d keys cannot be read, and %d could not before: %+v", len(got), len(bad), n.heal.Stats())
		}
		if !n.told("cannot be rebuilt", "no other node that has a copy answers", "nothing was changed") {
			t.Errorf("nobody is told: %q", n.heal.Alarms())
		}
		w.say(w.away, false, w.nodes[1])
		n.heal.Kick()
		time.Sleep(time.Second)
		n.whole()
		if !n.told("was rebuilt") || n.told("cannot") {
			t.Errorf("%q", n.heal.Alarms())
		}
	})
}

func TestANodeAloneIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.nodes[0]
		doc := *n.doc
		doc.Version++
		doc.Layout = slices.Clone(doc.Layout)
		for i := range doc.Layout {
			doc.Layout[i].Serving = []ring.NodeID{n.id()}
		}
		n.install(&doc)
		bad := n.damage(1)
		w.start()
		time.Sleep(time.Minute)
		if got := n.unread(); !slices.Equal(got, bad) || !n.told("no other node has a copy", "nothing was changed") {
			t.Errorf("%d of %d keys cannot be read: %q", len(got), len(bad), n.heal.Alarms())
		}
	})
}

// TestEveryOtherNodeThatIsUpIsAsked: of the damaged keys some are on one other node only.
func TestEveryOtherNodeThatIsUpIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bad := w.nodes[0].damage(1)
		w.nodes[1].put(bad[0], object(1001, "one"))
		w.nodes[2].put(bad[1], object(1002, "two"))
		w.start()
		time.Sleep(time.Minute)
		for i, k := range bad[:2] {
			if o, err := w.nodes[0].store.Read(t.Context(), k); err != nil || o == nil || len(o.Siblings) != 2 {
				t.Errorf("what node %d alone had is %v, %v", i+2, o, err)
			}
		}
	})
}

// TestWhoIsUpAndDoesNotAnswerIsWaitedFor: it may hold what nobody else does.
func TestWhoIsUpAndDoesNotAnswerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.nodes[0]
		bad := n.damage(1)
		w.say(w.mute, true, w.nodes[2])
		w.start()
		time.Sleep(time.Minute)
		if got := n.unread(); !slices.Equal(got, bad) || !n.told("cannot be rebuilt", "n3", "away") {
			t.Errorf("%d of %d keys cannot be read: %q", len(got), len(bad), n.heal.Alarms())
		}
		w.say(w.mute, false, w.nodes[2])
		time.Sleep(2 * retry)
		n.whole()
	})
}

func TestTwoDamagedInTheSamePlaceAreRebuiltFromTheThird(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.nodes[0].damage(1), w.nodes[1].damage(1)
		if !slices.Equal(a, b) {
			t.Fatalf("%d and %d keys are damaged: want the same", len(a), len(b))
		}
		w.start()
		time.Sleep(time.Minute)
		w.nodes[0].whole()
		w.nodes[1].whole()
	})
}

// TestWhoHasANewerEntryDoesNotAnswer: who holds the partition by a newer
// document only does not answer for the older one (R3).
func TestWhoHasANewerEntryDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		n := w.nodes[1]
		ask := func(document uint64) error {
			first, last := ring.Partition(3).Range(testPartitions)
			_, err := n.heal.Handle(t.Context(), document, (&ask{partition: 3, first: first, last: last}).encode())
			return err
		}
		before := n.store.Counters().Barriers
		if err := ask(n.doc.Version); err != nil {
			t.Errorf("ask: %v", err)
		}
		if n.store.Counters().Barriers == before {
			t.Error("what a node holds was said without a sync (R2)")
		}
		moved := *n.doc
		moved.Version += 5
		moved.Layout = slices.Clone(moved.Layout)
		moved.Layout[3].Changed = moved.Version
		old := n.doc.Version
		n.install(&moved)
		if err := ask(old); err == nil {
			t.Error("a node answered for a partition that has moved since the asker's document")
		}
		if err := ask(moved.Version); err != nil {
			t.Errorf("ask by the newer document: %v", err)
		}
		moved.Layout[3].Serving = []ring.NodeID{w.nodes[0].id()}
		if err := ask(moved.Version); err == nil {
			t.Error("a node answered for a partition that it does not serve")
		}
	})
}
