package ring

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Plan is what the staged steps would do to the layout.
type Plan struct {
	Hash    string     // names this plan: of the layout, the members and the steps
	Sets    [][]NodeID // who would serve each partition
	Members []Member   // who would be there, those that go marked as such

	target target
}

// target is the members that the staged steps lead to.
type target struct {
	members []Member // those that go included, and marked
	staying []Member
}

// Plan computes what the staged steps would do. It fails with ErrStep when nothing is
// staged or the steps do not fit the cluster, and with ErrChanging while a change is in
// flight.
func (d *Document) Plan() (*Plan, error) {
	if d.Change != nil {
		return nil, fmt.Errorf("%w since version %d: one at a time; wait, or amend that one", ErrChanging, d.Change.Applied)
	}
	if len(d.Staged) == 0 {
		return nil, fmt.Errorf("%w: nothing is staged", ErrStep)
	}
	t, err := d.target()
	if err != nil {
		return nil, err
	}
	p := &Plan{Members: t.members, target: t}
	current := make([][]NodeID, len(d.Layout))
	for i, e := range d.Layout {
		current[i] = e.Serving
	}
	if p.Sets, err = Assign(AssignOptions{Current: current, Members: t.staying, Replicas: d.Replicas}); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(struct {
		Layout  [][]NodeID
		Members []Member
		Staged  []Step
		Next    [][]NodeID
	}{current, d.Members, d.Staged, p.Sets})
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	p.Hash = HashOf(raw).String()[:12]
	return p, nil
}

// target takes the staged steps in their order. Each node is named by one step at most.
func (d *Document) target() (target, error) {
	t := target{members: slices.Clone(d.Members)}
	named := make(map[NodeID]bool)
	for _, s := range d.Staged {
		nodes := []NodeID{s.Node}
		if s.Verb == VerbReplace && s.Member != nil {
			nodes = append(nodes, s.Member.ID)
		}
		for _, id := range nodes {
			if named[id] {
				return t, fmt.Errorf("%w: node %s is in two steps", ErrStep, id)
			}
			named[id] = true
		}
		if err := d.step(&t, s); err != nil {
			return t, fmt.Errorf("%w: %w", ErrStep, err)
		}
	}
	slices.SortFunc(t.members, compareMembers)
	t.staying = slices.DeleteFunc(slices.Clone(t.members), func(m Member) bool { return m.Going != "" })
	if was := min(len(d.Members), d.Replicas); len(t.staying) < was || len(t.staying) == 0 {
		return t, fmt.Errorf("%w: it would leave %d members, and each partition is to have %d replicas: add others first, or replace", ErrStep, len(t.staying), was)
	}
	return t, nil
}

// step takes one step.
func (d *Document) step(t *target, s Step) error {
	switch s.Verb {
	case VerbAdd:
		return d.come(t, s)
	case VerbRemove:
		return t.change(s.Node, func(m *Member) error { return leave(m, s.Going) })
	case VerbReplace:
		if err := t.change(s.Node, func(m *Member) error { return leave(m, s.Going) }); err != nil {
			return err
		}
		return d.come(t, s)
	case VerbSet:
		return t.change(s.Node, func(m *Member) error {
			if s.Weight == 0 && s.Zone == nil {
				return errors.New("neither a weight nor a zone is set")
			}
			if s.Weight != 0 {
				m.Weight = s.Weight
			}
			if s.Zone != nil {
				m.Zone = *s.Zone
			}
			return checkMember(*m)
		})
	}
	return fmt.Errorf("verb %.20q: want add, remove, replace or set", s.Verb)
}

func leave(m *Member, how Going) error {
	if how != Leaves && how != Expelled {
		return fmt.Errorf("node %s goes by %.20q: want %q or %q", m.ID, how, Leaves, Expelled)
	}
	m.Going = how
	return nil
}

// come enters a newcomer.
func (d *Document) come(t *target, s Step) error {
	if s.Member == nil || s.Member.Going != "" {
		return errors.New("it is not said who comes")
	}
	m := *s.Member
	switch {
	case slices.ContainsFunc(t.members, func(o Member) bool { return o.ID == m.ID }):
		return fmt.Errorf("node %s is a member", m.ID)
	case slices.Contains(d.Expelled, m.ID):
		return fmt.Errorf("node %s was expelled: its id is refused for ever; give it an empty directory, which makes a new one", m.ID)
	}
	t.members = append(t.members, m)
	return checkMember(m)
}

// change edits one member.
func (t *target) change(id NodeID, f func(*Member) error) error {
	for i := range t.members {
		if t.members[i].ID == id {
			return f(&t.members[i])
		}
	}
	return fmt.Errorf("node %s is no member", id)
}

// checkMember refuses what no document can hold.
func checkMember(m Member) error {
	if m.Weight < 1 || m.Weight > maxWeight {
		return fmt.Errorf("weight %d of node %s: want 1 to %d", m.Weight, m.ID, maxWeight)
	}
	return checkText(m.Zone)
}
