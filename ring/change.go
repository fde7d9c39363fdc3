package ring

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// maxStaged bounds the steps of one change.
const maxStaged = maxMembers

// maxLeft is how many of those that left are remembered.
const maxLeft = 1000

// The errors of edits to the layout. The text of each that wraps one says what is so.
var (
	ErrChanging = errors.New("a layout change is in flight")
	ErrNoChange = errors.New("no layout change is in flight")
	ErrStep     = errors.New("the step does not fit the cluster")
	ErrPlan     = errors.New("the plan is not the staged one")
)

// WithStaged is the next version of the document, with more steps staged. Nothing
// changes for anybody until they are applied.
func (d *Document) WithStaged(steps ...Step) (*Document, error) {
	if err := d.Editable(); err != nil {
		return nil, err
	}
	next := d.Clone()
	next.Version++
	next.Staged = append(next.Staged, cloneSteps(steps)...)
	if len(next.Staged) > maxStaged {
		return nil, fmt.Errorf("%w: %d steps; want at most %d", ErrStep, len(next.Staged), maxStaged)
	}
	if _, err := next.target(); err != nil {
		return nil, err
	}
	return next.Seal()
}

// WithoutStaged is the next version of the document, with nothing staged; nil when it
// is so already.
func (d *Document) WithoutStaged() (*Document, error) {
	if len(d.Staged) == 0 {
		return nil, nil
	}
	return d.edit(func(next *Document) error {
		next.Staged = nil
		return nil
	})
}

// Apply is the next version of the document, in which the staged steps have become a
// change in flight: newcomers are members, those that go are marked, and every
// partition that changes waits for its turn. The hash is that of the plan; it fails
// with ErrPlan for another, and with ErrChanging while a change is in flight.
func (d *Document) Apply(hash string) (*Document, error) {
	plan, err := d.Plan()
	if err != nil {
		return nil, err
	}
	if hash != plan.Hash {
		return nil, fmt.Errorf("%w: what is staged has the plan %s now, not %s: look at it again", ErrPlan, plan.Hash, hash)
	}
	return d.edit(func(next *Document) error {
		next.Members = plan.target.members
		next.Left = slices.DeleteFunc(next.Left, func(id NodeID) bool {
			return slices.ContainsFunc(next.Members, func(m Member) bool { return m.ID == id })
		})
		next.Change = &Change{Applied: next.Version, Steps: next.Staged}
		next.Staged = nil
		for p, set := range plan.Sets {
			next.aim(Partition(p), set) //nolint:gosec // below 65,536
		}
		return nil
	})
}

// Begun is Apply for steps that nobody staged before: the next version of the document
// has them in flight.
func (d *Document) Begun(steps ...Step) (*Document, error) {
	staged := d.Clone()
	staged.Staged = steps
	plan, err := staged.Plan()
	if err != nil {
		return nil, err
	}
	return staged.Apply(plan.Hash)
}

// aim names who will serve a partition that nobody copies yet.
func (d *Document) aim(p Partition, set []NodeID) {
	e := &d.Layout[p]
	if sameNodes(e.Serving, set) {
		if e.Phase != PhaseSteady {
			*e = Entry{Serving: e.Serving, Changed: d.Version}
		}
		return
	}
	*e = Entry{Serving: e.Serving, Next: set, Phase: PhaseWait, Changed: d.Version}
}

// Move is one partition's way to the next phase of its change. It is a statement about
// one entry: where that has another phase or has changed since, the move is void.
type Move struct {
	Partition Partition `json:"partition"`
	From      Phase     `json:"from"`
	Changed   uint64    `json:"changed"`
	Dropped   []NodeID  `json:"dropped,omitempty"` // in drop: who has handed over and dropped
}

// Advance is the next version of the document, with partitions moved to the next phase
// of their change (design R4); nil when every move is void. Who decides on moves has
// the proofs that the phases ask for.
func (d *Document) Advance(moves []Move) (*Document, error) {
	if d.Change == nil || d.Change.Paused {
		return nil, nil
	}
	next, moved := d.Clone(), false
	next.Version++
	for _, m := range moves {
		if int(m.Partition) >= len(next.Layout) {
			return nil, fmt.Errorf("%w: partition %d of %d", ErrStep, m.Partition, len(next.Layout))
		}
		if e := &next.Layout[m.Partition]; e.Phase == m.From && e.Changed == m.Changed {
			moved = next.advance(e, m.Dropped) || moved
		}
	}
	if !moved {
		return nil, nil
	}
	if err := d.Editable(); err != nil {
		return nil, err
	}
	return next.Seal()
}

// advance moves one entry on, and reports whether it changed.
func (d *Document) advance(e *Entry, dropped []NodeID) bool {
	switch e.Phase {
	case PhaseSteady:
		return false
	case PhaseWait:
		e.Phase = PhaseCopy
	case PhaseCopy:
		e.Serving, e.Next, e.Former, e.Phase = e.Next, nil, e.Serving, PhaseSwitch
	case PhaseSwitch:
		d.settle(e, e.Serving, e.Former)
		return true
	case PhaseBack:
		d.settle(e, e.Serving, e.Next)
		return true
	case PhaseDrop:
		before := len(e.Former)
		e.Former = slices.DeleteFunc(e.Former, func(id NodeID) bool { return slices.Contains(dropped, id) || d.unheard(id) })
		if len(e.Former) == before {
			return false
		}
		if len(e.Former) == 0 {
			e.Former, e.Phase = nil, PhaseSteady
		}
	}
	e.Changed = d.Version
	return true
}

// settle has a set serve alone. Those of the other that are not in it have yet to hand
// over and drop.
func (d *Document) settle(e *Entry, serving, other []NodeID) {
	former := slices.DeleteFunc(slices.Clone(other), func(id NodeID) bool {
		return slices.Contains(serving, id) || d.unheard(id)
	})
	*e = Entry{Serving: serving, Changed: d.Version}
	if len(former) > 0 {
		e.Former, e.Phase = former, PhaseDrop
	}
}

// unheard reports whether nobody waits for a node to hand over: it is expelled, or was
// given up in a force. What one of the latter holds it hands over if it comes back.
func (d *Document) unheard(id NodeID) bool {
	return d.GivenUp(id) || slices.ContainsFunc(d.Members, func(m Member) bool { return m.ID == id && m.Going == Expelled })
}

// Completed is the next version of the document, in which the change in flight is
// over: those that go are no members any more, and the members are the voters, but for
// silent ones that a force gave up: with them, those that are left could not decide. nil
// when partitions are still on their way. Who proposes it has seen that those that
// leave hold nothing any more, and knows who is silent.
func (d *Document) Completed(silent ...NodeID) (*Document, error) {
	if d.Change == nil || slices.ContainsFunc(d.Layout, func(e Entry) bool { return e.Phase != PhaseSteady }) {
		return nil, nil
	}
	return d.edit(func(next *Document) error {
		next.Change, next.Voters = nil, nil
		for _, m := range next.Members {
			switch {
			case m.Going == Expelled:
				next.Expelled = append(next.Expelled, m.ID)
			case m.Going == Leaves:
				next.Left = append(next.Left, m.ID)
			case !d.GivenUp(m.ID) || !slices.Contains(silent, m.ID):
				next.Voters = append(next.Voters, m.ID)
			}
		}
		next.Members = slices.DeleteFunc(next.Members, func(m Member) bool { return m.Going != "" })
		slices.Sort(next.Expelled)
		next.Left = next.Left[max(0, len(next.Left)-maxLeft):]
		return nil
	})
}

// edit makes the next version by a function.
func (d *Document) edit(f func(next *Document) error) (*Document, error) {
	if err := d.Editable(); err != nil {
		return nil, err
	}
	next := d.Clone()
	next.Version++
	if err := f(next); err != nil {
		return nil, err
	}
	return next.Seal()
}

// sameNodes reports whether two sets have the same members.
func sameNodes(a, b []NodeID) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(id NodeID) bool { return !slices.Contains(b, id) })
}

// compareMembers orders members as a document does.
func compareMembers(a, b Member) int { return cmp.Compare(a.ID, b.ID) }
