package ring

import (
	"cmp"
	"fmt"
	"slices"
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

// First makes document 1. Each partition has N distinct members, in distinct zones
// where there are enough and in all zones where there are not; with fewer members
// than N it has them all. Each member holds its share by weight, as far as that
// allows, rounded up or down: with equal weights, and zones that do not stand in the
// way, no member has more than one partition more than another. The same options give
// the same document.
func First(o FirstOptions) (*Document, error) {
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
	if err := d.validateShape(); err != nil {
		return nil, fmt.Errorf("first document: %w", err)
	}
	n := min(o.Replicas, len(d.Members))
	deal := newDeal(d.Members, o.Partitions, n)
	for p := range o.Partitions {
		serving := deal.next(Partition(p), n, o.Partitions-p) //nolint:gosec // below 65,536
		d.Layout = append(d.Layout, Entry{Serving: serving, Changed: 1})
	}
	return d.Seal()
}
