package replication

import (
	"context"
	"slices"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/transfer"
	"github.com/hengedb/henge/ring"
)

// changeOf tells how far the change in flight is, as the document has it; nil is none.
// Every entry that it changes was changed by the version that applied it, or later.
func changeOf(doc *ring.Document) *request.ChangeStatus {
	if doc.Change == nil {
		return nil
	}
	s := &request.ChangeStatus{
		Applied: doc.Change.Applied, Steps: stepsOf(doc, doc.Change.Steps), Paused: doc.Change.Paused, Reverting: doc.Change.Reverting,
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

// LayoutProgress is Layout and, where a change is in flight, how far each member is and
// what the change waits for. It asks all members, and waits a second for those that do
// not answer.
func (c *Coordinator) LayoutProgress(ctx context.Context) request.Layout {
	doc := c.agent.Document()
	l := c.layout(doc)
	if l.Change == nil {
		return l
	}
	v := changeView{c: c, doc: doc, parts: partsOf(doc)}
	var ids []ring.NodeID
	for _, m := range doc.Members {
		if m.Going != ring.Expelled {
			ids = append(ids, m.ID)
		}
	}
	v.reports = c.transfer.Glances(ctx, ids)
	v.typical = v.typicalBytes()
	for _, m := range doc.Members {
		if n := v.node(m); n.Partitions > 0 || n.Going != "" || n.Silent || n.Sent > 0 || len(n.Waiting) > 0 {
			l.Change.Nodes = append(l.Change.Nodes, n)
		}
	}
	l.Change.Waiting = v.waiting()
	return l
}

// changeView is what is known of a change once its members were asked.
type changeView struct {
	c       *Coordinator
	doc     *ring.Document
	parts   map[ring.NodeID]part
	reports map[ring.NodeID]*transfer.Report // of those that answered
	typical int64                            // bytes of a partition; 0 is not known
}

// part is what the document says of a node's share in a change, in partitions.
type part struct {
	take   int // still to be copied
	give   int // still to be handed over
	serves int // changed, and served by it now
}

// partsOf counts what is to be done by whom.
func partsOf(doc *ring.Document) map[ring.NodeID]part {
	parts := make(map[ring.NodeID]part)
	count := func(ids, but []ring.NodeID, take, give, serves int) {
		for _, id := range ids {
			if !slices.Contains(but, id) {
				p := parts[id]
				parts[id] = part{p.take + take, p.give + give, p.serves + serves}
			}
		}
	}
	for _, e := range doc.Layout {
		if e.Changed < doc.Change.Applied {
			continue
		}
		switch e.Phase {
		case ring.PhaseWait, ring.PhaseCopy:
			count(transfer.Copiers(e), nil, 1, 0, 0)
			count(e.Serving, e.Next, 0, 1, 0)
		case ring.PhaseBack: // who served meanwhile hands it back
			count(e.Next, e.Serving, 0, 1, 0)
		case ring.PhaseSwitch, ring.PhaseDrop:
			count(e.Former, e.Serving, 0, 1, 0)
			count(e.Serving, nil, 0, 0, 1)
		case ring.PhaseSteady:
			count(e.Serving, nil, 0, 0, 1)
		}
	}
	return parts
}

// typicalBytes guesses what one partition has: as much as those whose copy has begun,
// and before that as much as those that this node holds.
func (v *changeView) typicalBytes() int64 {
	bytes, partitions := int64(0), 0
	for _, r := range v.reports {
		bytes, partitions = bytes+r.Fetched+r.Expected, partitions+r.Taken+r.Begun
	}
	if partitions == 0 {
		return v.c.averageBytes(v.doc)
	}
	return bytes / int64(partitions)
}

// node tells one member's part.
func (v *changeView) node(m ring.Member) request.ChangeNode {
	n := request.ChangeNode{ID: m.ID, Name: m.Name, Going: m.Going, Waiting: v.nodeWaits(m)}
	part, taken := v.parts[m.ID], 0
	if !slices.Contains(v.doc.Voters, m.ID) {
		taken = part.serves // a newcomer took all that it serves
	}
	r := v.reports[m.ID]
	if n.Silent = r == nil && m.Going != ring.Expelled; r == nil {
		r = &transfer.Report{}
	}
	taken = max(taken, r.Taken)
	n.Partitions, n.Done = part.take+part.give+taken+r.Handed, taken+r.Handed
	n.Moved, n.Sent, n.Holds, n.Leftovers, n.Hints = r.Fetched, r.Sent, part.give, r.Leftovers, r.Hints
	if n.Rate = r.RateIn; part.take+taken == 0 {
		n.Rate = r.RateOut
	}
	unbegun := max(0, part.take-r.Begun)
	if lacks := r.Expected + int64(unbegun)*v.typical; unbegun == 0 || v.typical > 0 {
		n.Bytes = n.Moved + lacks
		if n.Rate > 0 && lacks > 0 {
			n.Left = time.Duration(float64(lacks) / float64(n.Rate) * float64(time.Second))
		}
	}
	return n
}
