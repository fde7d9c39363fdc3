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
				*e = Entry{Serving: e.Former, Next: e.Serving, Phase: PhaseBack, Changed: next.Version}
			case PhaseSteady, PhaseDrop, PhaseBack:
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
		before := slices.Contains(d.Voters, m.ID) || d.GivenUp(m.ID)
		switch {
		case m.Going != "" && needed[m.ID] && before:
			m.Going = ""
		case m.Going == "" && !needed[m.ID] && !before:
			m.Going = Leaves
		}
	}
}

// Amended is the next version of the document, in which the change in flight goes on
// without a member that died for ever: it is expelled and waited for nowhere, and what it
// was to serve goes to others, among them with, unless that is nil. Partitions whose
// reads are about to move are left alone until they have: a driver amends again. What
// others hold for a set that is not to be is left over on them. It is nil when there is
// nothing to do, and fails with ErrStep where too few members would be left.
func (d *Document) Amended(gone NodeID, with *Member) (*Document, error) {
	if d.Change == nil {
		return nil, ErrNoChange
	}
	m, member := d.Member(gone)
	switch {
	case !member:
		return nil, fmt.Errorf("%w: %s is no member", ErrStep, gone)
	case m.Going == Expelled && !slices.ContainsFunc(d.Layout, func(e Entry) bool { return e.amendable(gone) }):
		return nil, nil
	}
	return d.amend(m, with, func(next *Document) { next.giveUp(m, with) })
}

// Spared is the next version of the document, in which the change in flight names others
// in the place of a silent newcomer, which serves nothing yet and leaves again. Nobody
// has said that it is dead: it may be behind a split with writes that it alone took, is
// waited for at the end, and is expelled by a person only. It is nil for a node that goes
// already, and fails like Amended.
func (d *Document) Spared(silent NodeID) (*Document, error) {
	m, member := d.Member(silent)
	switch {
	case d.Change == nil:
		return nil, ErrNoChange
	case !member || slices.Contains(d.Voters, silent):
		return nil, fmt.Errorf("%w: %s is no newcomer", ErrStep, silent)
	case m.Going != "":
		return nil, nil
	}
	return d.amend(m, nil, func(next *Document) {
		for i := range next.Members {
			if next.Members[i].ID == silent {
				next.Members[i].Going = Leaves
			}
		}
		next.Change.Steps = append(next.Change.Steps, Step{Verb: VerbRemove, Node: silent, Going: Leaves})
	})
}

// amend names others for what a member was to serve, and with them whom else it says.
func (d *Document) amend(gone Member, with *Member, more func(next *Document)) (*Document, error) {
	members, sets, err := d.aimWithout(gone, with)
	if err != nil {
		return nil, err
	}
	return d.edit(func(next *Document) error {
		next.Members = members
		more(next)
		for p := range next.Layout {
			e := &next.Layout[p]
			if e.Phase == PhaseSteady || e.Phase == PhaseWait || e.amendable(gone.ID) {
				next.aim(Partition(p), sets[p]) //nolint:gosec // below 65,536
			}
		}
		return nil
	})
}

// goal is the set that an entry's change leads to.
func (e Entry) goal() []NodeID {
	if e.Phase == PhaseWait || e.Phase == PhaseCopy {
		return e.Next
	}
	return e.Serving
}

// amendable reports whether a node is to serve, and another can be named now: reads are
// not on their way from one set to another.
func (e Entry) amendable(gone NodeID) bool {
	return e.Phase != PhaseSwitch && e.Phase != PhaseBack && slices.Contains(e.goal(), gone)
}

// giveUp expels a member and waits for it nowhere.
func (d *Document) giveUp(gone Member, with *Member) {
	for p := range d.Layout {
		if e := &d.Layout[p]; e.Phase == PhaseDrop && slices.Contains(e.Former, gone.ID) {
			e.Former = slices.DeleteFunc(e.Former, func(id NodeID) bool { return id == gone.ID })
			e.Changed = d.Version
			if len(e.Former) == 0 {
				e.Former, e.Phase = nil, PhaseSteady
			}
		}
	}
	if gone.Going == Expelled {
		return
	}
	for i := range d.Members {
		if d.Members[i].ID == gone.ID {
			d.Members[i].Going = Expelled
		}
	}
	step := Step{Verb: VerbRemove, Node: gone.ID, Going: Expelled}
	if with != nil {
		step.Verb, step.Member = VerbReplace, with
	}
	d.Change.Steps = append(d.Change.Steps, step)
}

// aimWithout computes who will serve what without a member, and with another one.
func (d *Document) aimWithout(gone Member, with *Member) (members []Member, sets [][]NodeID, err error) {
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
		return nil, nil, fmt.Errorf("%w: %d members would be left without %s: name another node in its place", ErrStep, len(staying), gone.Name)
	}
	current := make([][]NodeID, len(d.Layout))
	for p, e := range d.Layout {
		current[p] = e.goal()
	}
	sets, err = Assign(AssignOptions{Current: current, Members: staying, Replicas: d.Replicas})
	return members, sets, err
}
