package ring

import (
	"iter"
	"slices"
)

// index prepares what every request looks up.
func (d *Document) index() {
	d.buckets = make(map[string]Bucket, len(d.Buckets))
	for _, b := range d.Buckets {
		d.buckets[b.Name] = b
	}
	d.members = make(map[NodeID]Member, len(d.Members))
	for _, m := range d.Members {
		d.members[m.ID] = m
	}
}

// Member finds a member by id.
func (d *Document) Member(id NodeID) (Member, bool) {
	m, ok := d.members[id]
	return m, ok
}

// IsMember reports whether a node is a member.
func (d *Document) IsMember(id NodeID) bool {
	_, member := d.Member(id)
	return member
}

// IsExpelled reports whether a node's id is refused.
func (d *Document) IsExpelled(id NodeID) bool {
	return slices.Contains(d.Expelled, id) || d.members[id].Going == Expelled
}

// MajorityOf is how many nodes of a partition's set must have said a thing for a phase
// to end (R4): a majority, or, where too many are expelled or were given up in a force,
// all that are left. Of the expelled nothing will be heard again; a node that was given
// up is waited for when it is up, as any.
func (d *Document) MajorityOf(set []NodeID) int {
	left := 0
	for _, id := range set {
		if !d.IsExpelled(id) && !d.GivenUp(id) {
			left++
		}
	}
	return min(len(set)/2+1, left)
}

// Bucket finds a bucket by name.
func (d *Document) Bucket(name string) (Bucket, bool) {
	b, ok := d.buckets[name]
	return b, ok
}

// Entry is a partition's row of the layout. Do not change it.
func (d *Document) Entry(p Partition) Entry { return d.Layout[p] }

// Primaries are the nodes that serve a partition. Do not change them.
func (d *Document) Primaries(p Partition) []NodeID { return d.Layout[p].Serving }

// IsPrimary reports whether a node serves a partition.
func (d *Document) IsPrimary(p Partition, id NodeID) bool {
	return slices.Contains(d.Layout[p].Serving, id)
}

// Fallbacks yields every member that is in neither set of a partition, in the order
// in which they stand in: going round the ring from the next partition, each node when
// it is met first (Dynamo, sections 4.3 and 4.6). Members that serve nothing are last.
// A request takes a few of them, out of a thousand. Members that go are none.
func (d *Document) Fallbacks(p Partition) iter.Seq[NodeID] {
	return func(yield func(NodeID) bool) {
		met := make(map[NodeID]bool)
		for _, m := range d.Members {
			if m.Going != "" {
				met[m.ID] = true // it would have to hand over at once what it is given
			}
		}
		for _, id := range slices.Concat(d.Layout[p].Serving, d.Layout[p].Second()) {
			met[id] = true
		}
		for i := 1; i < len(d.Layout) && len(met) < len(d.Members); i++ {
			for _, id := range d.Layout[(int(p)+i)%len(d.Layout)].Serving {
				if met[id] {
					continue
				}
				if met[id] = true; !yield(id) {
					return
				}
			}
		}
		for _, m := range d.Members {
			if !met[m.ID] && !yield(m.ID) {
				return
			}
		}
	}
}
