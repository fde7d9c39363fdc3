package replication

import (
	"slices"
	"testing"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// What a target is known to hold is what was in the hint then: a join that adds
// something makes the note false, and an answer that is still on its way too.
func TestAJoinIntoAKeptHintClearsItsNotes(t *testing.T) {
	write := func(actor causal.Actor) *causal.Object {
		return (*causal.Object)(nil).Put(causal.Write{
			Dot: causal.Dot{Actor: actor, Counter: 1}, Stamp: causal.Stamp(actor), Policy: causal.Siblings, Generation: 1, Value: []byte("v"),
		})
	}
	first := write(1)
	held := keep(nil, first, []ring.NodeID{7}, 2, 100, 1)
	held.Noted = []ring.NodeID{7}
	if again := keep(held, first, []ring.NodeID{7}, 2, 200, 2); again != held {
		t.Errorf("a join that adds nothing makes %+v of %+v", again, held)
	}
	next := keep(held, write(2), []ring.NodeID{8}, 3, 200, 2)
	if len(next.Noted) != 0 || next.Mark == held.Mark {
		t.Errorf("after a join the notes are %v and the mark %d, as before", next.Noted, next.Mark)
	}
	if !slices.Equal(next.Targets, []ring.NodeID{7, 8}) || next.W != 3 || next.Since != held.Since || len(next.Object.Siblings) != 2 {
		t.Errorf("the joined hint is %+v", next)
	}
	if !slices.Equal(held.Noted, []ring.NodeID{7}) || len(held.Object.Siblings) != 1 {
		t.Errorf("the join changed the hint it was given: %+v", held)
	}
}
