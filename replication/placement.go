package replication

import (
	"slices"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// placement says who is asked about one key, as this node sees the cluster now.
type placement struct {
	doc       *ring.Document
	partition ring.Partition
	replicas  []ring.NodeID // who serves, as the layout has them
	second    []ring.NodeID // of a put while the layout changes: the other set in which it needs W
	up        []ring.NodeID // those of both believed to answer, this node first, then near ones
	down      []ring.NodeID // the others
	late      []ring.NodeID // those of down that may only be slow: asked when the others are too few
	fallbacks []ring.NodeID // who stands in, in the order of the preference list; those believed to answer
	holds     bool          // this node serves, and is not fenced: it reads and mints
	beside    bool          // this node is in the second set only: it neither mints nor counts in a read (R1)
	crosses   bool          // nobody else is left: who is in one set stands in for the other too
}

// maxFallbacks bounds how far down the preference list a request goes. As many
// as there are replicas can stand in for all of them once.
func maxFallbacks(replicas int) int { return 2 * replicas }

// place sorts those who serve a position by who is believed to answer.
func (c *Coordinator) place(doc *ring.Document, position ring.Position) placement {
	p := placement{doc: doc, partition: position.Partition(doc.Partitions)}
	p.replicas = doc.Primaries(p.partition)
	at := max(slices.Index(p.replicas, c.self), 0)
	for i := range p.replicas {
		c.sort(&p, p.replicas[(at+i)%len(p.replicas)])
	}
	serves := slices.Contains(p.replicas, c.self)
	p.holds = serves && !c.fenced(p.partition)
	p.beside = !serves && slices.Contains(doc.Entry(p.partition).Second(), c.self)
	if c.zone != "" {
		slices.SortStableFunc(p.up, func(a, b ring.NodeID) int { return c.distance(doc, a) - c.distance(doc, b) })
	}
	return p
}

// placeWrite is place for a put, which counts in a second set while the layout
// changes.
func (c *Coordinator) placeWrite(doc *ring.Document, position ring.Position) placement {
	p := c.place(doc, position)
	p.second = doc.Entry(p.partition).Second()
	for _, id := range p.second {
		if !slices.Contains(p.replicas, id) {
			c.sort(&p, id)
		}
	}
	return p
}

// fenced reports whether this node has lost memory of a partition: it is then as good as
// down there.
func (c *Coordinator) fenced(p ring.Partition) bool { return c.store.Epochs(p).Fenced }

// answers reports whether a node is believed to answer for a partition.
func (c *Coordinator) answers(id ring.NodeID, p ring.Partition) bool {
	return c.health.Up(id) && (id != c.self || !c.fenced(p))
}

// sort enters a replica by whether it is believed to answer.
func (c *Coordinator) sort(p *placement, id ring.NodeID) {
	if c.answers(id, p.partition) {
		p.up = append(p.up, id)
		return
	}
	p.down = append(p.down, id)
	if c.health.Late(id) {
		p.late = append(p.late, id)
	}
}

// standIns fills in the fallbacks; most requests never need them. They are in neither
// set.
func (c *Coordinator) standIns(p *placement) {
	if p.fallbacks != nil {
		return
	}
	p.fallbacks = []ring.NodeID{}
	for id := range p.doc.Fallbacks(p.partition) {
		if c.answers(id, p.partition) {
			p.fallbacks = append(p.fallbacks, id)
		}
		if len(p.fallbacks) == maxFallbacks(len(p.replicas)) {
			return
		}
	}
}

// reserve finds who may yet be asked in the place of others: the fallbacks, unless
// the request is strict, and then the replicas that were late.
func (c *Coordinator) reserve(p *placement, strict bool, asked []member) func() []ring.NodeID {
	return func() []ring.NodeID {
		var left []ring.NodeID
		if !strict {
			c.standIns(p)
			left = slices.Concat(p.fallbacks, c.bystanders(p))
		}
		return slices.DeleteFunc(slices.Concat(left, p.late), func(id ring.NodeID) bool {
			return id == c.self || slices.ContainsFunc(asked, func(m member) bool { return m.node == id })
		})
	}
}

// bystanders are those of the second set that a read asks when nobody else is left:
// what they have counts as a fallback's hint does. A put has asked them anyhow.
func (c *Coordinator) bystanders(p *placement) []ring.NodeID {
	return slices.DeleteFunc(slices.Clone(p.doc.Entry(p.partition).Second()), func(id ring.NodeID) bool {
		return slices.Contains(p.replicas, id) || slices.Contains(p.second, id) || !c.health.Up(id)
	})
}

// distance is 0 for this node, 1 for its zone and 2 beyond.
func (c *Coordinator) distance(doc *ring.Document, id ring.NodeID) int {
	if id == c.self {
		return 0
	}
	if m, ok := doc.Member(id); ok && m.Zone == c.zone {
		return 1
	}
	return 2
}

// sets says where id counts.
func (p *placement) sets(id ring.NodeID) sets {
	var in sets
	if slices.Contains(p.replicas, id) {
		in |= inServing
	}
	if slices.Contains(p.second, id) {
		in |= inSecond
	}
	if in == 0 || p.crosses {
		return inBoth // it stands in
	}
	return in
}

// role is what id is to the key: a primary is in either set.
func (p *placement) role(id ring.NodeID) request.Role {
	if slices.Contains(p.replicas, id) || slices.Contains(p.second, id) {
		return request.Primary
	}
	return request.Fallback
}

// cover shares out the absent primaries among the nodes that stand in for them.
// With fewer stand-ins than absentees, some stand for several.
func cover(down, standIns []ring.NodeID) map[ring.NodeID][]ring.NodeID {
	covered := make(map[ring.NodeID][]ring.NodeID, len(standIns))
	for i, absent := range down {
		if len(standIns) == 0 {
			break
		}
		id := standIns[i%len(standIns)]
		covered[id] = append(covered[id], absent)
	}
	return covered
}
