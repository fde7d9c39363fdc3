package replication

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// A change is told by the entries that were changed since it was applied.
func TestAChangeIsToldByItsPhases(t *testing.T) {
	zone := "z"
	remove := ring.Step{Verb: ring.VerbRemove, Node: 1, Going: ring.Expelled}
	doc := &ring.Document{
		Change: &ring.Change{Applied: 5, Paused: true, Steps: []ring.Step{
			remove, {Verb: ring.VerbReplace, Node: 1, Going: ring.Leaves, Member: &ring.Member{ID: 2, Name: "n2", Weight: 100, Zone: zone}},
			{Verb: ring.VerbAdd, Node: 3, Member: &ring.Member{ID: 3, Name: "n3", Weight: 50, Zone: zone}},
		}},
		Layout: []ring.Entry{
			{Changed: 4}, {Changed: 5, Phase: ring.PhaseWait}, {Changed: 6, Phase: ring.PhaseCopy},
			{Changed: 7, Phase: ring.PhaseCopy}, {Changed: 8}, {Changed: 9},
		},
	}
	want := &request.ChangeStatus{
		Applied: 5, Paused: true, Partitions: 5, Nodes: []request.ChangeNode{},
		Phases: map[ring.Phase]int{ring.PhaseWait: 1, ring.PhaseCopy: 2, ring.PhaseSteady: 2},
		Steps: []request.LayoutStep{
			{Verb: ring.VerbRemove, Node: nameOf(doc, 1), Expel: true},
			{Verb: ring.VerbReplace, Node: nameOf(doc, 1), With: "n2", Weight: 100, Zone: &zone},
			{Verb: ring.VerbAdd, Node: "n3", Weight: 50, Zone: &zone},
		},
	}
	if diff := cmp.Diff(want, changeOf(doc)); diff != "" {
		t.Errorf("(-want +told):\n%s", diff)
	}
	doc.Change = nil
	if changeOf(doc) != nil {
		t.Error("no change is told as one")
	}
}
