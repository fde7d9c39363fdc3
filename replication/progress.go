package replication

import (
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// changeOf tells how far the change in flight is, as the document has it; nil is none.
// Every entry that it changes was changed by the version that applied it, or later.
func changeOf(doc *ring.Document) *request.ChangeStatus {
	if doc.Change == nil {
		return nil
	}
	s := &request.ChangeStatus{
		Applied: doc.Change.Applied, Steps: stepsOf(doc, doc.Change.Steps), Paused: doc.Change.Paused,
		Phases: make(map[ring.Phase]int), Nodes: []request.ChangeNode{},
	}
	for _, entry := range doc.Layout {
		if entry.Changed >= doc.Change.Applied {
			s.Partitions++
			s.Phases[entry.Phase]++
		}
	}
	return s
}

// stepsOf names steps' nodes for people.
func stepsOf(doc *ring.Document, steps []ring.Step) []request.LayoutStep {
	var told []request.LayoutStep
	for _, s := range steps {
		step := request.LayoutStep{Verb: s.Verb, Node: nameOf(doc, s.Node), Expel: s.Going == ring.Expelled, Weight: s.Weight, Zone: s.Zone}
		switch {
		case s.Member != nil && s.Verb == ring.VerbAdd:
			step.Node, step.Weight, step.Zone = s.Member.Name, s.Member.Weight, &s.Member.Zone
		case s.Member != nil:
			step.With, step.Weight, step.Zone = s.Member.Name, s.Member.Weight, &s.Member.Zone
		}
		told = append(told, step)
	}
	return told
}
