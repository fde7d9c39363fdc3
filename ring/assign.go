package ring

import (
	"cmp"
	"errors"
	"slices"
)

// AssignOptions say from what to what a layout changes.
type AssignOptions struct {
	Current  [][]NodeID // for each partition, who serves it now
	Members  []Member   // who may hold partitions afterwards, sorted by ID: those that come, without those that go
	Replicas int        // N; with fewer members each partition has them all
}

// Assign computes who serves each partition after a change. Each partition has N
// distinct members, in distinct zones where there are enough and in all zones where
// there are not. Each member holds its ideal, the share by weight that this allows,
// rounded up or down. Of all such layouts it is one with the fewest replicas moved, and
// of those one that moves a second replica of a partition as seldom as can be, a third
// counting as two more; with zones only the first is exact. Replicas move along cheapest
// chains (a gives a partition to b, b one to c), found one after the other: successive
// shortest paths, by which Garage (arXiv 2302.13798) makes its layouts too. Who stays
// keeps its place in the set. The same options give the same sets.
func Assign(o AssignOptions) ([][]NodeID, error) {
	if len(o.Members) == 0 || len(o.Current) == 0 || o.Replicas < 1 {
		return nil, errors.New("assign: want members, partitions and replicas")
	}
	a := newAssignment(o)
	for p, set := range a.sets {
		for place, i := range set {
			if i == nobody && !a.fill(give{nobody, p, place}) {
				return nil, errNoChain
			}
		}
	}
	if !a.balance() {
		return nil, errNoChain
	}
	return a.result(o.Current), nil
}

// errNoChain would be a bug: ideals can be had, so that there always is a chain.
var errNoChain = errors.New("assign: no way to give each member its share")

// nobody is an empty place in a set, and no partition.
const nobody = -1

type assignment struct {
	members []Member
	zone    []int   // by member
	spread  int     // in how many zones each partition is to be
	was     [][]int // for each partition, members that served it and stay
	sets    [][]int // for each partition, members that serve it then, by place
	moved   []int   // for each partition, how many members of its set did not serve it
	over    []int   // by member: how many it holds above its share; below 0 it lacks some
	low     []bool  // by member: its share is its ideal rounded down, and could be one more
	high    []bool  // by member: its share is its ideal rounded up, and could be one less
	holds   [][]int // by member: its partitions, in no order

	search
}

func newAssignment(o AssignOptions) *assignment {
	zones, n := zonesIn(o.Members), min(o.Replicas, len(o.Members))
	a := &assignment{
		members: o.Members, zone: make([]int, len(o.Members)), spread: min(n, len(zones)),
		moved: make([]int, len(o.Current)), holds: make([][]int, len(o.Members)), search: newSearch(len(o.Members)),
	}
	at := make(map[NodeID]int, len(o.Members))
	for z, zone := range zones {
		for _, i := range zone.members {
			a.zone[i], at[o.Members[i].ID] = z, i
		}
	}
	a.was, a.sets = make([][]int, len(o.Current)), make([][]int, len(o.Current))
	stay, places := make([]int, 0, n*len(o.Current)), make([]int, n*len(o.Current)) // of all partitions
	for p, current := range o.Current {
		from := len(stay)
		for _, id := range current {
			if i, stays := at[id]; stays {
				stay = append(stay, i)
			}
		}
		was, set := stay[from:], places[p*n:(p+1)*n]
		for place := copy(set, was); place < n; place++ {
			set[place] = nobody
		}
		for _, i := range set {
			if i != nobody {
				a.holds[i] = append(a.holds[i], p)
			}
		}
		a.was[p], a.sets[p] = was, set
	}
	a.share(n)
	for p := range a.sets {
		a.part(p)
	}
	return a
}

// share says what members are to hold. Where ideals are rounded, those that lose most by
// it are rounded up, and among equals those who hold more; chains change that where it
// moves less.
func (a *assignment) share(n int) {
	order := make([]int, len(a.members))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(len(a.holds[j]), len(a.holds[i])) })
	sorted := make([]Member, len(order))
	for k, i := range order {
		sorted[k] = a.members[i]
	}
	a.over, a.low, a.high = make([]int, len(order)), make([]bool, len(order)), make([]bool, len(order))
	share, down, up := shares(sorted, zonesIn(sorted), len(a.sets), n)
	for k, i := range order {
		a.over[i] = len(a.holds[i]) - share[k]
		a.low[i], a.high[i] = share[k] < up[k], share[k] > down[k]
	}
}

// part takes members that stand in another's zone out of a set, until its empty places
// suffice for the zones that it is to be in: those first that hold most above their share.
func (a *assignment) part(p int) {
	set := a.sets[p]
	for a.lacks(p) > a.empty(p) {
		worst := nobody
		for place, i := range set {
			if i != nobody && a.shared(p, place) && (worst == nobody || a.over[i] > a.over[set[worst]]) {
				worst = place
			}
		}
		a.put(p, worst, nobody)
	}
}

func (a *assignment) empty(p int) int {
	count := 0
	for _, i := range a.sets[p] {
		if i == nobody {
			count++
		}
	}
	return count
}

// lacks says how many zones a set is short of.
func (a *assignment) lacks(p int) int {
	zones := 0
	for place, i := range a.sets[p] {
		if i != nobody && !slices.ContainsFunc(a.sets[p][:place], func(j int) bool { return j != nobody && a.zone[j] == a.zone[i] }) {
			zones++
		}
	}
	return a.spread - zones
}

// shared reports whether another of the set is in the zone of the member in a place.
func (a *assignment) shared(p, place int) bool {
	for k, j := range a.sets[p] {
		if k != place && j != nobody && a.zone[j] == a.zone[a.sets[p][place]] {
			return true
		}
	}
	return false
}

// put gives a place to i.
func (a *assignment) put(p, place, i int) {
	if before := a.sets[p][place]; before != nobody {
		a.over[before]--
		at := slices.Index(a.holds[before], p)
		a.holds[before] = slices.Delete(a.holds[before], at, at+1)
		a.moved[p] -= a.news(p, before)
	}
	if a.sets[p][place] = i; i != nobody {
		a.over[i]++
		a.holds[i] = append(a.holds[i], p)
		a.moved[p] += a.news(p, i)
	}
}

// news is 1 for a member that did not serve the partition.
func (a *assignment) news(p, i int) int {
	if slices.Contains(a.was[p], i) {
		return 0
	}
	return 1
}

// result names the members of the sets. Who stays keeps its place.
func (a *assignment) result(current [][]NodeID) [][]NodeID {
	out := make([][]NodeID, len(a.sets))
	n := len(a.sets[0])
	ids, others := make([]NodeID, n*len(a.sets)), make([]NodeID, 0, n)
	for p, set := range a.sets {
		out[p] = ids[p*n : (p+1)*n : (p+1)*n]
		others = others[:0]
		for _, i := range set {
			if id := a.members[i].ID; !slices.Contains(current[p][:min(n, len(current[p]))], id) {
				others = append(others, id)
			}
		}
		rest := others
		for place := range out[p] {
			if place < len(current[p]) && slices.ContainsFunc(set, func(i int) bool { return a.members[i].ID == current[p][place] }) {
				out[p][place] = current[p][place]
			} else {
				out[p][place], rest = rest[0], rest[1:]
			}
		}
	}
	return out
}
