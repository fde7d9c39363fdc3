package ring

import (
	"fmt"
	"slices"
)

// WithPaused is the next version of the document, with its change paused or resumed;
// nil when it is so already.
func (d *Document) WithPaused(paused bool) (*Document, error) {
	switch {
	case d.Change == nil:
		return nil, ErrNoChange
	case d.Change.Paused == paused:
		return nil, nil
	}
	return d.edit(func(next *Document) error {
		next.Change.Paused = paused
		return nil
	})
}

// Reverted is the next version of the document, in which the change in flight goes
// back to those who served before it, as far as partitions have not passed the point
// where the new set serves alone: what waits is steady again, what is copied is handed
// back by those who took it, and reads that have moved go back first. Newcomers leave
// when nothing needs them. nil when it is reverting already.
func (d *Document) Reverted() (*Document, error) {
	switch {
	case d.Change == nil:
		return nil, ErrNoChange
	case d.Change.Reverting:
		return nil, nil
	}
	return d.edit(func(next *Document) error {
		next.Change.Reverting, next.Change.Paused = true, false
		for p := range next.Layout {
			e := &next.Layout[p]
			switch e.Phase {
			case PhaseWait:
				*e = Entry{Serving: e.Serving, Changed: next.Version}
			case PhaseCopy:
				next.settle(e, e.Serving, e.Next)
			case PhaseSwitch:
				*e = Entry{Serving: e.Former, Next: e.Serving, Phase: PhaseCopy, Changed: next.Version}
			case PhaseSteady, PhaseDrop:
			}
		}
		next.settleMembers()
		return nil
	})
}

// settleMembers has those go that nobody needs after a change that went back, and
// those stay that serve.
func (d *Document) settleMembers() {
	needed := make(map[NodeID]bool)
	for _, e := range d.Layout {
		for _, id := range e.Serving {
			needed[id] = true
		}
	}
	for i := range d.Members {
		m := &d.Members[i]
		switch {
		case m.Going != "" && needed[m.ID] && slices.Contains(d.Voters, m.ID):
			m.Going = ""
		case m.Going == "" && !needed[m.ID] && !slices.Contains(d.Voters, m.ID):
			m.Going = Leaves
		}
	}
}

// Amended is the next version of the document, in which the change in flight goes on
// without a node that died for ever: a newcomer that serves nothing yet, whose partitions
// go to others, among them another newcomer if one is given; or a member that leaves, and
// is waited for no more. It is expelled, for it may have taken what nobody will ask of it
// again. What others have copied for a set that is not to be is left over on them. It
// fails with ErrStep for any other node, and is nil for one that is expelled already.
func (d *Document) Amended(gone NodeID, with *Member) (*Document, error) {
	if d.Change == nil {
		return nil, ErrNoChange
	}
	m, member := d.Member(gone)
	switch {
	case !member:
		return nil, fmt.Errorf("%w: %s is no member", ErrStep, gone)
	case m.Going == Expelled:
		return nil, nil
	case m.Going == Leaves && with != nil:
		return nil, fmt.Errorf("%w: %s leaves; who takes its partitions is decided already", ErrStep, m.Name)
	case m.Going == Leaves:
		return d.edit(func(next *Document) error {
			next.giveUp(gone, nil)
			return nil
		})
	}
	members, sets, err := d.aimWithout(m, with)
	if err != nil {
		return nil, err
	}
	return d.edit(func(next *Document) error {
		next.Members = members
		next.giveUp(gone, with)
		for p := range next.Layout {
			e := &next.Layout[p]
			if untouched := e.Phase == PhaseSteady || e.Phase == PhaseWait; untouched || slices.Contains(e.Next, gone) {
				next.aim(Partition(p), sets[p]) //nolint:gosec // below 65,536
			}
		}
		return nil
	})
}

// giveUp expels a member and waits for it nowhere.
func (d *Document) giveUp(id NodeID, with *Member) {
	for i := range d.Members {
		if d.Members[i].ID == id {
			d.Members[i].Going = Expelled
		}
	}
	for p := range d.Layout {
		if e := &d.Layout[p]; e.Phase == PhaseDrop && slices.Contains(e.Former, id) {
			d.settle(e, e.Serving, e.Former)
		}
	}
	step := Step{Verb: VerbRemove, Node: id, Going: Expelled}
	if with != nil {
		step.Verb, step.Member = VerbReplace, with
	}
	d.Change.Steps = append(d.Change.Steps, step)
}

// aimWithout computes who will serve what without a newcomer, and with another one.
func (d *Document) aimWithout(gone Member, with *Member) (members []Member, sets [][]NodeID, err error) {
	if slices.Contains(d.Voters, gone.ID) {
		return nil, nil, fmt.Errorf("%w: %s is no newcomer; it can be replaced when this change is complete, or has gone back", ErrStep, gone.Name)
	}
	current := make([][]NodeID, len(d.Layout))
	for p, e := range d.Layout {
		if slices.Contains(e.Serving, gone.ID) {
			return nil, nil, fmt.Errorf("%w: %s serves partition %d already; replace it when this change is complete", ErrStep, gone.Name, p)
		}
		if current[p] = e.Serving; len(e.Next) > 0 {
			current[p] = e.Next
		}
	}
	members = slices.Clone(d.Members)
	if with != nil {
		if _, member := d.Member(with.ID); member || slices.Contains(d.Expelled, with.ID) {
			return nil, nil, fmt.Errorf("%w: %s is a member already, or was expelled", ErrStep, with.Name)
		}
		members = append(members, *with)
		slices.SortFunc(members, compareMembers)
	}
	staying := slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return m.Going != "" || m.ID == gone.ID })
	if len(staying) < len(d.Layout[0].Serving) {
		return nil, nil, fmt.Errorf("%w: %d members would be left without %s: go back instead", ErrStep, len(staying), gone.Name)
	}
	sets, err = Assign(AssignOptions{Current: current, Members: staying, Replicas: d.Replicas})
	return members, sets, err
}
