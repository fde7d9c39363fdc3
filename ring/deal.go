package ring

import "github.com/cespare/xxhash/v2"

// deal hands out partitions one after the other, so that in the end each member has
// its share. Whoever has most of it left comes first: with that rule a partition
// always gets the replicas and zones that it is due, and so does each one after it.
type deal struct {
	members  []Member
	zones    []zone
	left     []int // by member
	zoneLeft []int // by zone
	chosen   []bool
	mixed    []uint64 // by member, for this partition
}

func newDeal(members []Member, q, n int) *deal {
	d := &deal{members: members, zones: zonesIn(members), chosen: make([]bool, len(members)), mixed: make([]uint64, len(members))}
	d.left, _, _ = shares(members, d.zones, q, n)
	for _, zone := range d.zones {
		sum := 0
		for _, i := range zone.members {
			sum += d.left[i]
		}
		d.zoneLeft = append(d.zoneLeft, sum)
	}
	return d
}

// next chooses n members for partition p, when it and so many others are left.
func (d *deal) next(p Partition, n, partitions int) []NodeID {
	clear(d.chosen)
	for i := range d.mixed {
		d.mixed[i] = d.mix(p, i)
	}
	ids := make([]NodeID, 0, n)
	taken := make([]bool, len(d.zones))
	for len(ids) < n {
		z := d.nextZone(taken, partitions)
		taken[z] = true
		i := d.first(d.zones[z].members)
		d.chosen[i] = true
		d.left[i]--
		d.zoneLeft[z]--
		ids = append(ids, d.members[i].ID)
	}
	return ids
}

// nextZone is the zone that gives the next replica: of those that gave none yet the
// one with most left; and once all did, that of the member with most left, out of
// the zones that can spare one and still have one for each partition that is left.
func (d *deal) nextZone(taken []bool, partitions int) int {
	best, bestAt := -1, -1
	for z := range d.zones {
		if taken[z] {
			continue
		}
		if at := d.first(d.zones[z].members); best < 0 || d.zoneLeft[z] > d.zoneLeft[best] ||
			(d.zoneLeft[z] == d.zoneLeft[best] && d.before(at, bestAt)) {
			best, bestAt = z, at
		}
	}
	if best >= 0 {
		return best
	}
	for z := range d.zones {
		if at := d.first(d.zones[z].members); at >= 0 && d.zoneLeft[z] >= partitions && (best < 0 || d.before(at, bestAt)) {
			best, bestAt = z, at
		}
	}
	return best
}

// first is the member with most left that is not chosen yet; -1 is none.
func (d *deal) first(members []int) int {
	best := -1
	for _, i := range members {
		if !d.chosen[i] && (best < 0 || d.before(i, best)) {
			best = i
		}
	}
	return best
}

// before reports whether member i goes before j. Ties are broken by a hash, so that
// those who hold partitions with a member are all the others alike.
func (d *deal) before(i, j int) bool {
	if d.left[i] != d.left[j] {
		return d.left[i] > d.left[j]
	}
	return d.mixed[i] < d.mixed[j]
}

func (d *deal) mix(p Partition, i int) uint64 {
	id := uint64(d.members[i].ID)
	return xxhash.Sum64([]byte{
		byte(p), byte(p >> 8), byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24),
		byte(id >> 32), byte(id >> 40), byte(id >> 48), byte(id >> 56),
	})
}
