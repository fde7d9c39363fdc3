package agree

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/ring"
)

func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 3)
		w := newWorld(t, 3, nil)
		if _, err := w.propose(1, "b", time.Second); !errors.Is(err, ErrNoDocument) {
			t.Errorf("proposed before there is a document: %v", err)
		}
		if err := w.agent(1).Begin(t.Context(), successorWith(t, first, "b")); !errors.Is(err, ErrEdit) {
			t.Errorf("began with version 2: %v", err)
		}
		if err := w.agent(1).Begin(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(spreadTimeout)
		for id := range w.logs {
			if d := w.agent(id).Document(); d == nil || d.Name() != first.Name() {
				t.Errorf("%s holds %v, want the first document", id, d)
			}
		}
		if err := w.agent(2).Begin(t.Context(), first); !errors.Is(err, ErrHeld) {
			t.Errorf("began twice: %v", err)
		}
		w.mustPropose(3, "b")
	})
}

func TestPullFindsNothingNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, nil)
		if err := w.agent(1).Pull(t.Context(), 2); err != nil || w.agent(1).Document() != nil {
			t.Errorf("pulled from a node that has none: %v", err)
		}
		w.stop(3)
		if err := w.agent(1).Pull(t.Context(), 3); !errors.Is(err, errRefused) {
			t.Errorf("pulled from a dead node: %v", err)
		}
	})
}

func TestAdoptRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 3)
		w := newWorld(t, 1, successorWith(t, first, "b"))
		other := first.Clone()
		other.Cluster = "ffffffffffffffffffffffffffffffff"
		other, err := other.Seal()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.agent(1).Adopt(t.Context(), other.Raw()); !errors.Is(err, ErrCluster) {
			t.Errorf("another cluster's document: %v", err)
		}
		if err := w.agent(1).Adopt(t.Context(), []byte(`{"format":1}`)); err == nil {
			t.Error("adopted what is no document")
		}
		if err := w.agent(1).Adopt(t.Context(), first.Raw()); err != nil {
			t.Errorf("an older document is no error: %v", err)
		}
		if d, got := w.agent(1).Document(), w.adopted(1); d.Version != 2 || len(got) != 0 || w.agent(1).Alarm() != "" {
			t.Errorf("holds version %d, was shown %v, alarm %q", d.Version, got, w.agent(1).Alarm())
		}
	})
}

func TestPullsOfOneNodeAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 2)
		w := newWorld(t, 2, first)
		if err := w.agent(2).Adopt(t.Context(), successorWith(t, first, "b").Raw()); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if err := w.agent(1).Pull(t.Context(), 2); err != nil {
					t.Error(err)
				}
				if v := w.agent(1).Document().Version; v != 2 {
					t.Errorf("holds version %d after a pull, want 2", v)
				}
			})
		}
		wg.Wait()
		if fetches := w.count(KindFetch); fetches > 2 {
			t.Errorf("100 pulls at once made %d fetches, want at most 2", fetches)
		}
	})
}

// TestAdoptWaitsForAdopted: who has adopted a document may say so (R2), so it must
// be in force.
func TestAdoptWaitsForAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 1)
		var a *Agent
		var shown []uint64
		a, err := New(Options{
			Self: 1, Log: &memLog{}, Peers: &link{}, Rand: func() uint64 { return 1 },
			Adopted: func(d *ring.Document) {
				if held := a.Document(); held.Version < d.Version {
					t.Errorf("version %d is held when %d is shown", held.Version, d.Version)
				}
				time.Sleep(time.Second)
				shown = append(shown, d.Version)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := a.Adopt(ctx, first.Raw()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("adopted before Adopted returned: %v", err)
		}
		second := successorWith(t, first, "b")
		if err := a.Adopt(t.Context(), second.Raw()); err != nil || time.Since(begin) != 2*time.Second {
			t.Errorf("the second call took until %v: %v", time.Since(begin), err)
		}
		if len(shown) != 2 || shown[0] != 1 || shown[1] != 2 {
			t.Errorf("shown %v, want 1 and 2", shown)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 3)
		w := newWorld(t, 3, first)
		w.isolate(1, true)
		a := w.agent(1)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := a.Propose(t.Context(), addBucket("b")); !errors.Is(err, ErrClosed) {
				t.Errorf("the proposal under way: %v", err)
			}
		})
		wg.Go(func() {
			if err := a.Pull(t.Context(), 2); !errors.Is(err, ErrClosed) {
				t.Errorf("the pull under way: %v", err)
			}
		})
		synctest.Wait()
		begin := time.Now()
		w.stop(1)
		if took := time.Since(begin); took > worldSync {
			t.Errorf("close took %v", took)
		}
		wg.Wait()
		_, proposeErr := a.Propose(t.Context(), addBucket("b"))
		_, handleErr := a.Handle(t.Context(), 2, nil)
		for name, err := range map[string]error{
			"propose": proposeErr, "handle": handleErr, "close": a.Close(), "pull": a.Pull(t.Context(), 2),
			"adopt": a.Adopt(t.Context(), first.Raw()), "begin": a.Begin(t.Context(), first),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s after close: %v", name, err)
			}
		}
		if a.Document() == nil {
			t.Error("the document is gone")
		}
	})
}

func TestOptionsTellAllThatIsMissing(t *testing.T) {
	_, err := New(Options{})
	if err == nil {
		t.Fatal("an Agent of nothing")
	}
	want := "agree.Options: Self is not set\nagree.Options: Log is not set\nagree.Options: Peers is not set\nagree.Options: Rand is not set"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}
