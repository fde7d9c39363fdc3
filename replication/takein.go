package replication

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/hengedb/henge/ring"
)

// leads reports whether this node is who moves a change on, and takes in newcomers: the
// live member of the lowest id. Several may believe it of themselves; their edits are
// the same, and one wins.
func (c *Coordinator) leads(d *ring.Document) bool {
	for _, m := range d.Members {
		if m.ID == c.self {
			return m.Going != ring.Expelled
		}
		if m.Going != ring.Expelled && c.health.Up(m.ID) {
			return false
		}
	}
	return false
}

// TakeIn makes members of live processes that are none, where the cluster's settings
// say so and no change is staged or in flight: of one whose disk was lost, in the place
// of what it was. Who left is not taken in again, and who was seen only now not yet.
func (c *Coordinator) TakeIn(ctx context.Context, seen []ring.Peer) error {
	d := c.agent.Document()
	if d == nil {
		return nil
	}
	c.tellWiped(d)
	if !d.Settings.AutoJoin || d.Change != nil || len(d.Staged) > 0 || !c.leads(d) {
		return nil
	}
	if len(c.joins(d, seen)) == 0 {
		return nil
	}
	return c.editLayout(ctx, "take in", func(d *ring.Document) (*ring.Document, error) {
		steps := c.joins(d, seen)
		if len(steps) == 0 || d.Change != nil || len(d.Staged) > 0 {
			return nil, nil
		}
		return d.Begun(steps...)
	})
}

// joins are the steps by which live processes become members.
func (c *Coordinator) joins(d *ring.Document, seen []ring.Peer) (steps []ring.Step) {
	for _, p := range seen {
		if !eligible(d, p) {
			continue
		}
		m := MemberOf(p)
		old, lost := namesake(d, p)
		switch {
		case !lost:
			steps = append(steps, ring.Step{Verb: ring.VerbAdd, Node: m.ID, Member: &m})
		case c.replaceable(d, old): // alone: of two at once some partition might keep no majority
			m.Weight, m.Zone = old.Weight, old.Zone
			return []ring.Step{{Verb: ring.VerbReplace, Node: old.ID, Going: ring.Expelled, Member: &m}}
		}
	}
	return steps
}

// replaceable reports whether a member may be expelled for its new store with nobody
// asked: it is known to be away, and has been for as long as a newcomer may be silent, for
// what has its name and address may be another machine while it lives behind a split; and
// of each partition that it serves a majority of the replicas is up without it.
func (c *Coordinator) replaceable(d *ring.Document, old ring.Member) bool {
	since := c.health.Node(old.ID).Since
	if c.health.Up(old.ID) || since.IsZero() || c.clock.Now().Sub(since) < d.Settings.Silence() {
		return false
	}
	for _, e := range d.Layout {
		if !slices.Contains(e.Serving, old.ID) {
			continue
		}
		up := slices.DeleteFunc(slices.Clone(e.Serving), func(id ring.NodeID) bool { return id == old.ID || !c.health.Up(id) })
		if len(up) <= len(e.Serving)/2 {
			return false
		}
	}
	return true
}

// formerSelf finds the member that a process was before its disk was lost: of its name,
// at its address, where nothing but the process answers now, and by another id, for ids
// are made with stores.
func (c *Coordinator) formerSelf(d *ring.Document, p ring.Peer) (ring.Member, bool) {
	old, lost := namesake(d, p)
	return old, lost && !c.health.Up(old.ID)
}

// namesake finds the member whose name and address a process has, by another id. It may
// be believed to answer yet: its death is news that takes its time.
func namesake(d *ring.Document, p ring.Peer) (ring.Member, bool) {
	i := slices.IndexFunc(d.Members, func(m ring.Member) bool {
		return m.ID != p.ID && m.Going == "" && m.Name == p.Name && m.RPC == p.RPC
	})
	if i < 0 || p.Name == "" || p.RPC == "" {
		return ring.Member{}, false
	}
	return d.Members[i], true
}

// tellWiped logs what wiped says, once for each new store. TakeIn alone calls it.
func (c *Coordinator) tellWiped(d *ring.Document) {
	now := c.wiped(d)
	for _, told := range now {
		if !slices.Contains(c.toldWiped, told) {
			c.log.Warn("a node lost its disk", slog.String("what", told))
		}
	}
	c.toldWiped = now
}

// wiped says in one sentence what is to be done about live processes whose disks were
// lost: members of their names are waited for in vain.
func (c *Coordinator) wiped(d *ring.Document) (told []string) {
	for _, p := range c.members.Peers() {
		if old, lost := c.formerSelf(d, p); lost && eligible(d, p) {
			told = append(told, fmt.Sprintf("%s lost its disk: what answers at %s is a new store, %s, of which member %s knows nothing; "+
				"henge layout stage replace %s %s --expel, and then henge layout apply, fills it from the other replicas",
				p.Name, p.RPC, p.ID, old.ID, old.ID, p.ID))
		}
	}
	return told
}

// eligible reports whether a live process may become a member by itself.
func eligible(d *ring.Document, p ring.Peer) bool {
	_, member := d.Member(p.ID)
	return !member && !p.Leaving && (p.Cluster == "" || p.Cluster == d.Cluster) &&
		!slices.Contains(d.Expelled, p.ID) && !slices.Contains(d.Left, p.ID)
}
