package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Stage adds steps to those that are staged, by decision of the voters. Nothing changes
// before Apply. It fails with request.ErrNoNode for a name that is nobody's or several
// nodes', and with request.ErrUnsafe where the steps do not fit the cluster.
func (c *Coordinator) Stage(ctx context.Context, steps []request.LayoutStep) error {
	return c.editLayout(ctx, "stage", func(d *ring.Document) (*ring.Document, error) {
		resolved := make([]ring.Step, len(steps))
		for i, s := range steps {
			var err error
			if resolved[i], err = c.resolve(d, s); err != nil {
				return nil, err
			}
		}
		return d.WithStaged(resolved...)
	})
}

// Unstage forgets all staged steps.
func (c *Coordinator) Unstage(ctx context.Context) error {
	return c.editLayout(ctx, "unstage", (*ring.Document).WithoutStaged)
}

// Apply begins the change that the plan of this hash told. It fails with
// request.ErrStalePlan when what is staged has another plan by now, with
// request.ErrChanging while a change is in flight, and with request.ErrUnsafe where a
// node's disk has no room for what it would take in.
func (c *Coordinator) Apply(ctx context.Context, hash string) error {
	if plan, err := c.Plan(ctx); err == nil && plan.Hash == hash && len(plan.Refusals) > 0 {
		return fmt.Errorf("%w: %s", request.ErrUnsafe, strings.Join(plan.Refusals, "; "))
	}
	return c.editLayout(ctx, "apply", func(d *ring.Document) (*ring.Document, error) { return d.Apply(hash) })
}

// PauseChange stops the change in flight where it is; ResumeChange lets it go on.
func (c *Coordinator) PauseChange(ctx context.Context) error {
	return c.editLayout(ctx, "pause", func(d *ring.Document) (*ring.Document, error) { return d.WithPaused(true) })
}

// ResumeChange is the end of a pause.
func (c *Coordinator) ResumeChange(ctx context.Context) error {
	return c.editLayout(ctx, "resume", func(d *ring.Document) (*ring.Document, error) { return d.WithPaused(false) })
}

// RevertChange has the change in flight go back to those who served before it, as far
// as partitions have not passed the point where the new set serves alone.
func (c *Coordinator) RevertChange(ctx context.Context) error {
	return c.editLayout(ctx, "revert", (*ring.Document).Reverted)
}

// editLayout has the voters decide an edit of the layout, and says in the words of
// requests why they cannot.
func (c *Coordinator) editLayout(ctx context.Context, verb string, edit func(*ring.Document) (*ring.Document, error)) error {
	doc, err := c.edit(ctx, func(d *ring.Document) (*ring.Document, error) {
		next, err := edit(d)
		return next, inWords(err)
	})
	if err != nil {
		return err
	}
	c.log.Info("layout edited", slog.String("verb", verb), slog.String("document", doc.Name().String()))
	return nil
}

// inWords gives the errors of edits the sentinels that clients know.
func inWords(err error) error {
	for of, as := range map[error]error{
		ring.ErrChanging: request.ErrChanging, ring.ErrNoChange: request.ErrNoChange,
		ring.ErrPlan: request.ErrStalePlan, ring.ErrStep: request.ErrUnsafe,
	} {
		if errors.Is(err, of) {
			return fmt.Errorf("%w: %s", as, strings.TrimPrefix(err.Error(), of.Error()+": "))
		}
	}
	return err
}

// resolve finds the nodes that a step names: members, and, for who comes, the live
// processes that gossip knows.
func (c *Coordinator) resolve(d *ring.Document, s request.LayoutStep) (ring.Step, error) {
	step := ring.Step{Verb: s.Verb}
	if !slices.Contains([]ring.Verb{ring.VerbAdd, ring.VerbRemove, ring.VerbReplace, ring.VerbSet}, s.Verb) {
		return step, fmt.Errorf("%w: verb %.20q: want add, remove, replace or set", request.ErrUnsafe, s.Verb)
	}
	newcomer := s.Node
	if s.Verb != ring.VerbAdd {
		m, err := memberNamed(d, s.Node)
		if err != nil {
			return step, err
		}
		step.Node, newcomer = m.ID, s.With
	}
	switch s.Verb {
	case ring.VerbSet:
		step.Weight, step.Zone = s.Weight, s.Zone
		return step, nil
	case ring.VerbRemove, ring.VerbReplace:
		if step.Going = ring.Leaves; s.Expel {
			step.Going = ring.Expelled
		}
	case ring.VerbAdd:
	}
	if s.Verb == ring.VerbRemove {
		return step, nil
	}
	peer, err := c.strangerNamed(d, newcomer)
	if err != nil {
		return step, err
	}
	m := MemberOf(peer)
	if s.Weight != 0 {
		m.Weight = s.Weight
	}
	if s.Zone != nil {
		m.Zone = *s.Zone
	}
	if step.Member = &m; s.Verb == ring.VerbAdd {
		step.Node = m.ID
	}
	return step, nil
}

// usualWeight is a member's share when nobody says otherwise.
const usualWeight = 100

// MemberOf is the member that a live process becomes when nobody says otherwise.
func MemberOf(p ring.Peer) ring.Member {
	return ring.Member{ID: p.ID, Name: p.Name, Zone: p.Zone, Weight: usualWeight, HTTP: p.HTTP, RPC: p.RPC, Gossip: p.Gossip}
}

// memberNamed finds a member by id or name.
func memberNamed(d *ring.Document, name string) (ring.Member, error) {
	var found []ring.Member
	for _, m := range d.Members {
		if m.ID.String() == name {
			return m, nil
		}
		if m.Name == name {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		names := make([]string, len(d.Members))
		for i, m := range d.Members {
			names[i] = m.Name
		}
		return ring.Member{}, fmt.Errorf("%w: no member is named %q; there are %s", request.ErrNoNode, name, strings.Join(names, ", "))
	}
	return ring.Member{}, fmt.Errorf("%w: %d members are named %q; name one by its id, such as %s", request.ErrBadValue, len(found), name, found[0].ID)
}

// strangerNamed finds a live process that is no member.
func (c *Coordinator) strangerNamed(d *ring.Document, name string) (ring.Peer, error) {
	var found []ring.Peer
	for _, p := range c.members.Peers() {
		if p.ID.String() != name && p.Name != name {
			continue
		}
		if _, member := d.Member(p.ID); !member {
			found = append(found, p)
		}
	}
	switch {
	case len(found) > 1:
		return ring.Peer{}, fmt.Errorf("%w: %d nodes are named %q; name one by its id, such as %s", request.ErrBadValue, len(found), name, found[0].ID)
	case len(found) == 1 && found[0].Cluster != "" && found[0].Cluster != d.Cluster:
		return ring.Peer{}, fmt.Errorf("%w: node %q belongs to cluster %s; give it an empty directory", request.ErrUnsafe, name, found[0].Cluster)
	case len(found) == 1:
		return found[0], nil
	}
	if m, err := memberNamed(d, name); err == nil {
		return ring.Peer{}, fmt.Errorf("%w: %q is a member already (id %s)", request.ErrUnsafe, name, m.ID)
	}
	return ring.Peer{}, fmt.Errorf("%w: no running node named %q has found the cluster; start it with --join and an address of a member", request.ErrNoNode, name)
}
