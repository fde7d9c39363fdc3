package handoff

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// soon is more than the slowest pass takes to begin.
const soon = 2 * passSlowest

func inBubble(t *testing.T, o Options, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, o)
		synctest.Wait() // for the first pass
		f(t, w)
	})
}

func TestAHintEndsOnceEachTargetHoldsIt(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		w.set(w.away, true, p[0], p[1])
		w.hint(k, "v", 1, 2, p[0], p[1])
		time.Sleep(4 * time.Hour) // never dropped for age
		if w.kept(k) == nil {
			t.Fatal("the hint ended while its targets were away")
		}
		w.set(w.away, false, p[0])
		w.h.Kick()
		time.Sleep(soon)
		if h := w.kept(k); h == nil || !slices.Equal(h.Noted, without(h.Noted, p[1])) || !slices.Contains(h.Noted, p[0]) {
			t.Fatalf("with one target served the hint is %+v, want it noted", h)
		}
		w.set(w.away, false, p[1])
		w.h.Kick()
		synctest.Wait()
		if h := w.kept(k); h != nil {
			t.Errorf("with both targets served the hint is %+v", h)
		}
		for _, id := range p[:2] {
			if got := w.got(id); !slices.Equal(got, []string{"v"}) {
				t.Errorf("%s was sent %q, want the value once", id, got)
			}
		}
		if s := w.h.Stats(); s.Ended != 1 {
			t.Errorf("%+v, want one ended", s)
		}
		if _, shown := w.h.Oldest(); shown {
			t.Error("the oldest hint is shown when there is none")
		}
	})
}

func without(ids []ring.NodeID, id ring.NodeID) []ring.NodeID {
	return slices.DeleteFunc(slices.Clone(ids), func(other ring.NodeID) bool { return other == id })
}

func TestAHintDoesNotEndBeforeItsTargetSaysThatItHoldsIt(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		w.set(w.refuse, true, p[0])
		w.hint(k, "v", 1, 2, p[0])
		time.Sleep(time.Hour)
		h := w.kept(k)
		if h == nil || len(h.Noted) > 0 {
			t.Fatalf("after refusals alone the hint is %+v", h)
		}
		tries := len(w.got(p[0]))
		if most := int(time.Hour / passSlowest); tries < most/2 || tries > most+10 {
			t.Errorf("%d tries within an hour, want about one in %v, for ever", tries, passSlowest)
		}
		w.set(w.refuse, false, p[0])
		time.Sleep(soon)
		if w.kept(k) != nil {
			t.Error("the hint did not end when its target took it")
		}
	})
}

// What a target holds of older content proves nothing about newer content.
func TestAJoinIntoTheHintClearsItsNotes(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		w.set(w.away, true, p[1])
		w.hint(k, "v", 1, 2, p[0], p[1])
		time.Sleep(soon)
		if h := w.kept(k); len(h.Noted) == 0 {
			t.Fatal("nobody is noted")
		}
		gate := make(chan struct{})
		w.mu.Lock()
		w.block[p[0]] = gate
		w.mu.Unlock()
		w.hint(k, "w", 2, 2, p[0], p[1]) // clears the notes: "v+w" goes out anew
		time.Sleep(soon)
		w.hint(k, "x", 3, 2, p[0], p[1]) // and once more, while that is on its way
		w.set(w.away, false, p[1])
		time.Sleep(deliverWithin / 2)
		w.mu.Lock()
		delete(w.block, p[0])
		w.mu.Unlock()
		close(gate)
		synctest.Wait()
		time.Sleep(soon)
		if got := w.got(p[0]); got[len(got)-1] != "v+w+x" {
			t.Errorf("the target was sent %q, want all three in the end", got)
		}
		if got := w.got(p[1]); got[len(got)-1] != "v+w+x" {
			t.Errorf("the other target was sent %q, want all three in the end", got)
		}
		if w.kept(k) != nil {
			t.Error("the hint did not end")
		}
	})
}

func TestAnAnswerAboutOlderContentEndsNothing(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		gate := make(chan struct{})
		w.mu.Lock()
		w.block[p[0]] = gate
		w.mu.Unlock()
		w.hint(k, "v", 1, 2, p[0])
		w.h.Kick()
		synctest.Wait() // on its way
		w.hint(k, "w", 2, 2, p[0])
		w.set(w.refuse, true, p[0]) // whatever comes after "v"
		close(gate)
		synctest.Wait()
		if h := w.kept(k); h == nil || len(h.Noted) > 0 || valueOf(h.Object) != "v+w" {
			t.Errorf("the hint is %+v, want it whole", h)
		}
	})
}

// The other end, for when hint space is short: every other primary holds it, at
// least as many as the largest W that it was counted for.
func TestUnderPressureAHintEndsWhenEveryOtherPrimaryHoldsIt(t *testing.T) {
	for name, tc := range map[string]struct {
		hints    int
		w        int
		alsoAway int
		ends     bool
	}{
		"two others hold it, W is 2":                  {hints: 3, w: 2, ends: true},
		"two others hold it, W is 3":                  {hints: 3, w: 3},
		"one of two others holds it, W is 1":          {hints: 3, w: 1, alsoAway: 1},
		"two others hold it, but hints are few still": {hints: 1, w: 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{Pressure: 1}, func(t *testing.T, w *world) {
				_, p := w.key(0, false)
				w.set(w.away, true, p[:1+tc.alsoAway]...)
				for i, hints := 0, 0; hints < tc.hints; i++ {
					if k, serving := w.key(i, false); slices.Equal(serving, p) {
						w.hint(k, "v", 1, tc.w, p[0])
						hints++
					}
				}
				time.Sleep(soon)
				ended := int(w.h.Stats().Ended)
				if tc.ends != (ended > 0) || tc.ends && ended < tc.hints-1 { // what ends together sees one count
					t.Errorf("%d of %d hints ended", ended, tc.hints)
				}
			})
		})
	}
}

func TestTargetsAreResolvedAtDelivery(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		w.set(w.away, true, p[0])
		w.set(w.refuse, true, p[2])
		w.hint(k, "v", 1, 2, p[0])
		time.Sleep(soon)
		replacement := ring.NodeID(1)
		for slices.Contains(p, replacement) || replacement == w.store.NodeID() {
			replacement++
		}
		w.relayout(k, replacement, p[1], p[2])
		time.Sleep(soon)
		if w.kept(k) == nil {
			t.Fatal("the hint ended before every present primary held it")
		}
		w.set(w.refuse, false, p[2])
		time.Sleep(soon)
		if w.kept(k) != nil || len(w.got(replacement)) == 0 {
			t.Errorf("the hint is %+v, and the new primary was sent %q", w.kept(k), w.got(replacement))
		}
	})
}

func TestAHolderThatBecomesAReplicaTakesItsHintIn(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		w.set(w.away, true, p[0])
		w.hint(k, "v", 1, 2, p[0])
		time.Sleep(soon)
		w.relayout(k, w.store.NodeID(), p[0], p[1])
		time.Sleep(soon)
		if o, err := w.store.Read(t.Context(), k); err != nil || valueOf(o) != "v" {
			t.Fatalf("the new replica holds %v, %v", o, err)
		}
		if h := w.kept(k); h == nil || h.Object != nil {
			t.Fatalf("the hint is %+v, want a marker", h)
		}
		w.set(w.away, false, p[0])
		time.Sleep(soon)
		if got := w.got(p[0]); w.kept(k) != nil || !slices.Equal(got, []string{"v"}) {
			t.Errorf("the hint is %+v, and its target was sent %q", w.kept(k), got)
		}
	})
}

// A marker stands for what its holder stores, as that is at delivery.
func TestAMarkerDeliversTheHoldersObject(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, true)
		target := without(p, w.store.NodeID())[0]
		w.set(w.away, true, target)
		w.change(k, func(tx *storage.Tx) {
			tx.SetObject(object("old"))
			tx.SetHint(&storage.Hint{Targets: []ring.NodeID{target}, W: 2, Mark: 1})
		})
		time.Sleep(soon)
		w.change(k, func(tx *storage.Tx) { tx.SetObject(object("new")) })
		w.set(w.away, false, target)
		w.h.Kick()
		synctest.Wait()
		if got := w.got(target); w.kept(k) != nil || !slices.Equal(got, []string{"new"}) {
			t.Errorf("the marker is %+v, and its target was sent %q", w.kept(k), got)
		}
		if o, err := w.store.Read(t.Context(), k); err != nil || valueOf(o) != "new" {
			t.Errorf("the holder has %v, %v", o, err)
		}
	})
}

func TestAMarkerWhoseTargetIsGoneEndsOnceEveryOtherReplicaHoldsIt(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, true)
		others := without(p, w.store.NodeID())
		replacement := ring.NodeID(1)
		for slices.Contains(p, replacement) {
			replacement++
		}
		w.set(w.away, true, others...)
		w.change(k, func(tx *storage.Tx) {
			tx.SetObject(object("v"))
			tx.SetHint(&storage.Hint{Targets: others[:1], W: 2, Mark: 1})
		})
		w.relayout(k, w.store.NodeID(), others[1], replacement)
		time.Sleep(soon)
		if h := w.kept(k); h == nil || len(w.got(replacement)) != 1 {
			t.Fatalf("the new replica was sent %q, and the marker is %+v", w.got(replacement), h)
		}
		w.set(w.away, false, others[1])
		time.Sleep(soon)
		if h := w.kept(k); h != nil {
			t.Errorf("with every other replica served the marker is %+v", h)
		}
	})
}

// A change of the layout may take a partition from a target that stayed away, to nodes
// that have been served already: then nobody is left to be served, and the hint ends.
func TestAHintEndsWhenTheLayoutMovesToThoseWhoHoldIt(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		w.set(w.away, true, p[0])
		w.hint(k, "v", 1, 2, p[0])
		time.Sleep(soon)
		if h := w.kept(k); h == nil || len(h.Noted) != 2 {
			t.Fatalf("the others were offered it, and the hint is %+v", h)
		}
		w.relayout(k, p[1], p[2])
		time.Sleep(soon)
		if h := w.kept(k); h != nil {
			t.Errorf("every primary holds it, and the hint is %+v", h)
		}
	})
}

func TestAHintForNobodyIsForEveryPrimary(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		w.hint(k, "v", 1, 2)
		time.Sleep(soon)
		for _, id := range p {
			if got := w.got(id); len(got) != 1 {
				t.Errorf("%s was sent %q", id, got)
			}
		}
		if h := w.kept(k); h != nil {
			t.Errorf("all hold it, and the hint is %+v", h)
		}
	})
}
