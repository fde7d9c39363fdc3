package ring

import (
	"cmp"
	"errors"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// FirstOptions say what a cluster begins with.
type FirstOptions struct {
	Cluster    string // 32 hexadecimal digits, random
	Secret     []byte // 32 random bytes
	EraRandom  uint64
	Partitions int // Q, a power of two
	Replicas   int // N
	Members    []Member
	Settings   Settings
}

// DefaultBucket exists in every cluster.
const DefaultBucket = "default"

// First makes document 1. Each partition goes to the members that are furthest
// below their weighted share, in distinct zones where there are enough. With equal
// weights, and zones that allow it, no member has more than one partition more than
// another. The same options give the same document. With fewer members than N each
// partition has them all.
func First(o FirstOptions) (*Document, error) {
	if len(o.Members) == 0 {
		return nil, errors.New("first document: no members")
	}
	d := &Document{
		Format: format, Cluster: o.Cluster, Secret: o.Secret, Era: Era{Random: o.EraRandom}, Version: 1,
		Partitions: o.Partitions, Replicas: o.Replicas, Settings: o.Settings,
		Members: slices.Clone(o.Members),
		Buckets: []Bucket{{Name: DefaultBucket, Generation: 1, Policy: PolicySiblings}},
	}
	slices.SortFunc(d.Members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	for _, m := range d.Members {
		d.Voters = append(d.Voters, m.ID)
	}
	deal := newDeal(d.Members)
	for p := range max(0, min(o.Partitions, maxPartitions)) {
		d.Layout = append(d.Layout, Entry{Serving: deal.next(Partition(p), min(o.Replicas, len(d.Members))), Changed: 1}) //nolint:gosec // below 65,536
	}
	return d.Seal()
}

// deal hands out partitions one after the other.
type deal struct {
	members []Member
	held    []int // partitions, by member
}

func newDeal(members []Member) *deal {
	return &deal{members: members, held: make([]int, len(members))}
}

// next chooses n members for a partition: each time the one furthest below its
// share, out of those in a zone that has none of it yet, or out of all when every
// zone has one.
func (d *deal) next(p Partition, n int) []NodeID {
	var chosen []int
	for len(chosen) < n {
		best := -1
		for i := range d.members {
			if slices.Contains(chosen, i) {
				continue
			}
			if best < 0 || d.before(p, chosen, i, best) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		chosen = append(chosen, best)
		d.held[best]++
	}
	ids := make([]NodeID, len(chosen))
	for i, m := range chosen {
		ids[i] = d.members[m].ID
	}
	return ids
}

// before reports whether member i should be chosen rather than j. Ties are broken
// by a hash, so that no two members meet in more partitions than others do.
func (d *deal) before(p Partition, chosen []int, i, j int) bool {
	if a, b := d.zoneTaken(chosen, i), d.zoneTaken(chosen, j); a != b {
		return b
	}
	// (held+1)/weight, compared without division
	a, b := (d.held[i]+1)*d.members[j].Weight, (d.held[j]+1)*d.members[i].Weight
	if a != b {
		return a < b
	}
	return d.mix(p, i) < d.mix(p, j)
}

func (d *deal) zoneTaken(chosen []int, i int) bool {
	zone := d.members[i].Zone
	return zone != "" && slices.ContainsFunc(chosen, func(c int) bool { return d.members[c].Zone == zone })
}

func (d *deal) mix(p Partition, i int) uint64 {
	id := uint64(d.members[i].ID)
	return xxhash.Sum64([]byte{
		byte(p), byte(p >> 8), byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24),
		byte(id >> 32), byte(id >> 40), byte(id >> 48), byte(id >> 56),
	})
}
