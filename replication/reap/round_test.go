package reap

import (
	"errors"
	"strings"
	"testing"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// at has something happen once, when the first message of a kind is on its way.
func (c *cluster) at(k kind, what func(to ring.NodeID) error) {
	done := false
	c.meddle = func(to ring.NodeID, a ask) error {
		c.mu.Lock()
		first := a.Kind == k && !done
		done = done || first
		c.mu.Unlock()
		if first {
			return what(to)
		}
		return nil
	}
}

// Each step of a round that somebody takes no part in ends it, and nothing is removed.
func TestARoundEndsWithTheFirstNo(t *testing.T) {
	silent := errors.New("no answer")
	for name, tc := range map[string]struct {
		meddle func(t *testing.T, c *cluster, k placed)
		says   string
	}{
		"a replica holds something else": {says: "differ", meddle: func(t *testing.T, _ *cluster, k placed) {
			k.replicas[2].hold(t, k, deleted(9), false)
		}},
		"a member holds a hint": {says: "it holds hints", meddle: func(t *testing.T, _ *cluster, k placed) {
			k.other.hold(t, k, deleted(1), true)
		}},
		"a member holds what it is no replica of": {says: "it holds leftovers", meddle: func(t *testing.T, _ *cluster, k placed) {
			k.other.hold(t, k, deleted(1), false)
		}},
		"a member has accepted another document": {says: "another document", meddle: func(_ *testing.T, _ *cluster, k placed) {
			k.other.undecided = true
		}},
		"a replica is silent when it is surveyed": {says: "no answer", meddle: func(_ *testing.T, c *cluster, _ placed) {
			c.at(kindSurvey, func(ring.NodeID) error { return silent })
		}},
		"a member is silent when it is to raise": {says: "no answer", meddle: func(_ *testing.T, c *cluster, _ placed) {
			c.at(kindRaise, func(ring.NodeID) error { return silent })
		}},
		"a member is silent when it is to commit": {says: "no answer", meddle: func(_ *testing.T, c *cluster, _ placed) {
			c.at(kindCommit, func(ring.NodeID) error { return silent })
		}},
		"a member is started anew before it commits": {says: "it was started anew", meddle: func(_ *testing.T, c *cluster, _ placed) {
			c.at(kindCommit, func(to ring.NodeID) error { c.members[to].start(); return nil })
		}},
		"a member raises higher before it commits": {says: "it has raised higher", meddle: func(t *testing.T, c *cluster, k placed) {
			c.at(kindCommit, func(to ring.NodeID) error { return c.members[to].raiseTo(t, k, causal.Epoch{Number: 99}) })
		}},
		"a member has raised higher already": {says: "another round has begun", meddle: func(t *testing.T, _ *cluster, k placed) {
			if err := k.other.raiseTo(t, k, causal.Epoch{Number: 99}); err != nil {
				t.Fatal(err)
			}
		}},
		"a member does not know its epochs": {says: "does not know its epochs", meddle: func(t *testing.T, c *cluster, k placed) {
			k.other.store = newStore(t)
			if err := k.other.store.Install(c.doc); err != nil {
				t.Fatal(err)
			}
			k.other.start()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			k := c.placed()
			for _, m := range k.replicas {
				m.hold(t, k, deleted(1), false)
			}
			tc.meddle(t, c, k)
			k.replicas[0].pass()
			for i, m := range k.replicas {
				if !m.holds(t, k) {
					t.Errorf("replica %d removed the key", i)
				}
			}
			if why := strings.Join(k.replicas[0].Report().Waiting, "; "); !strings.Contains(why, tc.says) {
				t.Errorf("it waits for %q, want %q", why, tc.says)
			}
		})
	}
}

func (m *member) raiseTo(t *testing.T, k placed, to causal.Epoch) error {
	return m.store.ChangeEpochs(t.Context(), []ring.Partition{k.partition}, func(_ ring.Partition, e storage.Epochs) (storage.Epochs, bool) {
		e.Raised = to
		return e, true
	})
}

// When all agree the key is removed everywhere, and everybody has committed it, on disk,
// before anybody removes it.
func TestARoundRemovesOnceAllHaveCommitted(t *testing.T) {
	c := newCluster(t)
	k := c.placed()
	for _, m := range k.replicas {
		m.hold(t, k, deleted(1), false)
	}
	c.at(kindReap, func(ring.NodeID) error {
		for _, m := range c.members {
			if e := m.store.Epochs(k.partition); e.Committed == (causal.Epoch{}) || e.Committed != e.Raised {
				t.Errorf("something is removed, and %v has %+v", m.self, e)
			}
		}
		return nil
	})
	k.replicas[0].pass()
	for i, m := range k.replicas {
		if m.holds(t, k) {
			t.Errorf("replica %d has the key", i)
		}
	}
	if r := k.replicas[0].Report(); r.Rounds != 1 || r.Reaped != 1 || len(r.Waiting) != 0 {
		t.Errorf("report %+v", r)
	}
}

// What was written after the survey stays, wherever it came to be.
func TestWhatHasChangedSinceTheSurveyStays(t *testing.T) {
	c := newCluster(t)
	k := c.placed()
	for _, m := range k.replicas {
		m.hold(t, k, deleted(1), false)
	}
	again := (&causal.Object{}).Put(causal.Write{Dot: causal.Dot{Actor: 8, Counter: 1}, Stamp: 1, Value: []byte("again"), Policy: causal.Siblings, Generation: 1})
	c.at(kindReap, func(ring.NodeID) error {
		for _, m := range k.replicas[1:] {
			m.hold(t, k, again, false)
		}
		return nil
	})
	k.replicas[0].pass()
	for i, m := range k.replicas[1:] {
		if !m.holds(t, k) {
			t.Errorf("replica %d has removed what was written anew", i+1)
		}
	}
}
