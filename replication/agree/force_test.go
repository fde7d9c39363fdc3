package agree

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/ring"
)

// without is the edit that forces a document, by a node, without the lost.
func without(by ring.NodeID, lost ...ring.NodeID) Edit {
	return func(d *ring.Document) (*ring.Document, error) { return d.ForcedWithout(lost, by, 1, uint64(by)) }
}

// pull has a node pull from another.
func (w *world) pull(id, from ring.NodeID) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	return w.agent(id).Pull(ctx, from)
}

func TestALostMajorityIsForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5, firstDocument(t, 5))
		w.mustPropose(1, "before")
		time.Sleep(time.Second)
		for _, id := range []ring.NodeID{1, 2} { // 1 and 2 see nobody but each other
			w.isolate(id, true)
		}
		w.mu.Lock()
		w.cut[[2]ring.NodeID{1, 2}], w.cut[[2]ring.NodeID{2, 1}] = false, false
		w.mu.Unlock()
		if _, err := w.propose(1, "never", 3*time.Second); !errors.Is(err, ErrUndecided) {
			t.Fatalf("without a majority: %v", err)
		}
		theirs := w.mustPropose(3, "theirs")
		time.Sleep(5 * time.Second)

		forced, err := w.agent(1).Force(t.Context(), without(1, 3, 4, 5))
		if err != nil {
			t.Fatal(err)
		}
		ours := w.mustPropose(2, "ours")
		if ours.Forced == nil || ours.Era != forced.Era || ours.Version != forced.Version+1 {
			t.Errorf("%s, forced %+v, after %s", ours.Name(), ours.Forced, forced.Name())
		}

		for _, id := range []ring.NodeID{1, 2} { // the others come back
			w.isolate(id, false)
		}
		for _, id := range []ring.NodeID{3, 4, 5} {
			if err := w.pull(id, 2); err != nil {
				t.Errorf("%s pulls: %v", id, err)
			}
			if got := w.agent(id).Document().Name(); got != ours.Name() {
				t.Errorf("%s holds %s, not %s", id, got, ours.Name())
			}
			if got := w.agent(id).Aside(); !slices.Equal(got, []string{theirs.Name().String()}) {
				t.Errorf("%s has set aside %v, not %s", id, got, theirs.Name())
			}
		}
		if got := w.agent(1).Aside(); got != nil {
			t.Errorf("1, which has lost nothing, has set aside %v", got)
		}
		w.stop(3)
		if got := w.start(3).Aside(); len(got) != 1 {
			t.Errorf("after a restart: %v", got)
		}
		w.mustPropose(4, "together")
	})
}

func TestAForceIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		stopped []ring.NodeID
		edit    Edit
		want    error
	}{
		"while a majority answers":        {[]ring.NodeID{4, 5}, without(1, 4, 5), ErrMajority},
		"when one named as lost answers":  {[]ring.NodeID{3, 4, 5}, without(1, 2, 3, 4, 5), ErrAlive},
		"when too few of the rest answer": {[]ring.NodeID{2, 3, 4, 5}, without(1, 4, 5), ErrFew},
		"when it is of the same era":      {[]ring.NodeID{3, 4, 5}, addBucket("b"), ErrEdit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := firstDocument(t, 5)
				w := newWorld(t, 5, first)
				for _, id := range c.stopped {
					w.stop(id)
				}
				if d, err := w.agent(1).Force(t.Context(), c.edit); !errors.Is(err, c.want) {
					t.Errorf("%v, %v; want %v", d, err, c.want)
				}
				if got := w.agent(1).Document().Name(); got.Version != 1 {
					t.Errorf("%s is held after a refusal", got)
				}
			})
		})
	}
}

// TestAForceTakesTheNewestThatIsLeft has a survivor that missed the last decision force.
func TestAForceTakesTheNewestThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, firstDocument(t, 3))
		w.isolate(1, true)
		w.mustPropose(2, "missed")
		time.Sleep(5 * time.Second)
		w.isolate(1, false)
		w.stop(3)
		_, err := w.agent(1).Force(t.Context(), without(1, 3))
		if !errors.Is(err, ErrMajority) {
			t.Fatalf("two of three answer: %v", err)
		}
		if _, ok := w.agent(1).Document().Bucket("missed"); !ok {
			t.Error("the newer document of a voter was not taken")
		}
	})
}

func TestTwoForcesAreAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, firstDocument(t, 3))
		for id := ring.NodeID(1); id <= 3; id++ {
			w.isolate(id, true)
		}
		for _, id := range []ring.NodeID{1, 2} {
			if _, err := w.agent(id).Force(t.Context(), without(id, slices.DeleteFunc([]ring.NodeID{1, 2, 3}, func(n ring.NodeID) bool { return n == id })...)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		for id := ring.NodeID(1); id <= 3; id++ {
			w.isolate(id, false)
		}
		if err := w.pull(1, 2); !errors.Is(err, ErrConflict) || w.agent(1).Alarm() == "" {
			t.Fatalf("two documents of one era: %v, alarm %q", err, w.agent(1).Alarm())
		}
		if _, err := w.propose(1, "b", time.Second); !errors.Is(err, ErrConflict) {
			t.Errorf("propose under alarm: %v", err)
		}
		other := w.agent(2).Document().Name()
		d, err := w.agent(1).Force(t.Context(), func(d *ring.Document) (*ring.Document, error) { return d.ForcedWithout([]ring.NodeID{3}, 1, 2, 7) })
		if err != nil {
			t.Fatalf("a force ends the alarm: %v", err)
		}
		time.Sleep(5 * time.Second)
		if w.agent(1).Alarm() != "" || w.agent(2).Alarm() != "" || w.agent(2).Document().Name() != d.Name() {
			t.Errorf("after it: alarms %q and %q, %s at 2", w.agent(1).Alarm(), w.agent(2).Alarm(), w.agent(2).Document().Name())
		}
		if got := w.agent(2).Aside(); !slices.Equal(got, []string{other.String()}) {
			t.Errorf("the loser has set aside %v, not %s", got, other)
		}
	})
}
