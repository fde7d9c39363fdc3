package ring

import (
	"cmp"
	"slices"
)

// zone is a group of members that are best not asked to hold one partition together.
// A member without a zone is one of its own.
type zone struct {
	members []int // indexes
	weight  int   // of all of them
}

func zonesIn(members []Member) []zone {
	var zones []zone
	at := map[string]int{}
	for i, m := range members {
		z, known := at[m.Zone]
		if !known || m.Zone == "" {
			z, zones = len(zones), append(zones, zone{})
			at[m.Zone] = z
		}
		zones[z].members = append(zones[z].members, i)
		zones[z].weight += m.Weight
	}
	return zones
}

// shares says how many of q partitions with n replicas each member is to hold: its
// part by weight, rounded up or down, where
//
//   - no member holds a partition twice, so that none has more than q;
//   - with n zones or more, no zone holds a partition twice either;
//   - with fewer, every zone holds every partition, so that none has less than q.
//
// What a bound takes from one member goes to the others by their weights. Beside the
// shares it gives what the parts are rounded down and up.
func shares(members []Member, zones []zone, q, n int) (out, down, up []int) {
	parts := atMostOneAZone
	if len(zones) < n {
		parts = atLeastOneAZone
	}
	byMember, byZone := parts(members, zones, q, n)
	totals := byZone.round(q * n)
	out, down, up = make([]int, len(members)), make([]int, len(members)), make([]int, len(members))
	for z, zone := range zones {
		in := byMember[z]
		for k, share := range in.round(totals[z]) {
			i := zone.members[k]
			out[i], down[i], up[i] = share, in.is[k]/in.of, (in.is[k]+in.of-1)/in.of
		}
	}
	return out, down, up
}

// atMostOneAZone divides what zones hold by their weights, and then inside each.
func atMostOneAZone(members []Member, zones []zone, q, n int) (byMember []parts, byZone parts) {
	weights := make([]int, len(zones))
	for z := range zones {
		weights[z] = zones[z].weight
	}
	byZone = divide(weights, q*n, q)
	for z, zone := range zones {
		in := parts{of: byZone.of * zone.weight}
		for _, i := range zone.members {
			in.is = append(in.is, byZone.is[z]*members[i].Weight)
		}
		byMember = append(byMember, in)
	}
	return byMember, byZone
}

// atLeastOneAZone divides among all members, whatever their zone, and lifts the zones
// that got too little, until none did.
func atLeastOneAZone(members []Member, zones []zone, q, n int) (byMember []parts, byZone parts) {
	byMember = make([]parts, len(zones))
	lifted := make([]bool, len(zones))
	for lifts, again := 0, true; again; {
		var weights []int
		for z, zone := range zones {
			for _, i := range zone.members {
				if !lifted[z] {
					weights = append(weights, members[i].Weight)
				}
			}
		}
		rest := divide(weights, q*(n-lifts), q)
		byZone, again = parts{is: make([]int, len(zones)), of: rest.of}, false
		for z, zone := range zones {
			if lifted[z] {
				byZone.is[z] = q * rest.of
				continue
			}
			byMember[z] = parts{is: rest.is[:len(zone.members)], of: rest.of}
			rest.is = rest.is[len(zone.members):]
			for _, is := range byMember[z].is {
				byZone.is[z] += is
			}
			if byZone.is[z] < q*rest.of {
				lifted[z], again = true, true
				lifts++
				byMember[z] = parts{of: zone.weight}
				for _, i := range zone.members {
					byMember[z].is = append(byMember[z].is, q*members[i].Weight)
				}
			}
		}
	}
	return byMember, byZone
}

// parts are exact fractions: is[i] / of. At 4,096 members of weight 1,000 and 65,536
// partitions with 64 replicas, their products stay below 2^60.
type parts struct {
	is []int
	of int
}

// divide cuts total by weights, with no part above most. It must fit.
func divide(weights []int, total, most int) parts {
	of := 0
	for _, w := range weights {
		of += w
	}
	full := make([]bool, len(weights))
	for again := true; again; {
		again = false
		for i, w := range weights {
			if !full[i] && w*total > most*of { // what it gives up only raises the others
				full[i], again = true, true
				total, of = total-most, of-w
			}
		}
	}
	p := parts{is: make([]int, len(weights)), of: max(of, 1)}
	for i, w := range weights {
		if p.is[i] = w * total; full[i] {
			p.is[i] = most * p.of
		}
	}
	return p
}

// round makes the parts whole numbers that sum to total: each is rounded down, and
// those that lose most by it are rounded up. It must be possible so.
func (p parts) round(total int) []int {
	out, order := make([]int, len(p.is)), make([]int, len(p.is))
	for i, is := range p.is {
		out[i], order[i] = is/p.of, i
		total -= out[i]
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p.is[j]%p.of, p.is[i]%p.of) })
	for _, i := range order[:total] {
		out[i]++
	}
	return out
}
