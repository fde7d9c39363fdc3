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
// there are not; of a partition whose replicas are in fewer, one is replaced a change.
// Each member holds its share by weight, rounded as in First; among equal remainders
// those who hold more come first, which moves less. Of a partition one replica is
// replaced, or as many as members go from it, and more only where balance cannot be had
// otherwise. Replicas move along shortest chains (a gives a partition to b, b one to c),
// found one after the other, after the successive shortest paths by which Garage (arXiv
// 2302.13798) makes its layouts: for that rounding the moves are the fewest wherever
// members can give to members directly; for longer chains nothing proves it. Who stays
// keeps its place in the set. The same options give the same sets.
func Assign(o AssignOptions) ([][]NodeID, error) {
	if len(o.Members) == 0 || len(o.Current) == 0 || o.Replicas < 1 {
		return nil, errors.New("assign: want members, partitions and replicas")
	}
	a := newAssignment(o)
	for p := range a.sets {
		a.fill(p)
		a.spread(p)
	}
	a.balance()
	out := make([][]NodeID, len(a.sets))
	for p, set := range a.sets {
		for _, i := range set {
			out[p] = append(out[p], a.members[i].ID)
		}
	}
	return out, nil
}

// nobody is an empty place in a set.
const nobody = -1

type assignment struct {
	members []Member
	zone    []int // by member
	zones   int
	sets    [][]int  // for each partition, indexes of members by place
	old     [][]bool // for each partition and place: who served it stays
	budget  []int    // for each partition, how many more of its replicas may be replaced now
	over    []int    // by member: how many it holds above its share; below 0 it lacks some
	holds   [][]int  // by member: its partitions, in no order
}

func newAssignment(o AssignOptions) *assignment {
	n := min(o.Replicas, len(o.Members))
	a := &assignment{members: o.Members, zone: make([]int, len(o.Members)), over: make([]int, len(o.Members)), holds: make([][]int, len(o.Members))}
	zones := zonesIn(o.Members)
	a.zones = len(zones)
	at := make(map[NodeID]int, len(o.Members))
	for z, zone := range zones {
		for _, i := range zone.members {
			a.zone[i], at[o.Members[i].ID] = z, i
		}
	}
	for p, current := range o.Current {
		set, old := make([]int, n), make([]bool, n)
		place, gone := 0, 0
		for _, id := range current {
			i, stays := at[id]
			if place == n {
				break
			}
			if set[place] = nobody; stays {
				set[place], old[place] = i, true
				a.holds[i] = append(a.holds[i], p)
			} else {
				gone++
			}
			place++
		}
		for ; place < n; place++ {
			set[place] = nobody
		}
		a.sets, a.old, a.budget = append(a.sets, set), append(a.old, old), append(a.budget, max(0, 1-gone))
	}
	for i, share := range a.shares(n) {
		a.over[i] = len(a.holds[i]) - share
	}
	return a
}

// shares are what members are to hold. Where a share is rounded, those who hold more
// come first: that moves less.
func (a *assignment) shares(n int) []int {
	order := make([]int, len(a.members))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(len(a.holds[j]), len(a.holds[i])) })
	sorted := make([]Member, len(order))
	for k, i := range order {
		sorted[k] = a.members[i]
	}
	out := make([]int, len(order))
	for k, share := range shares(sorted, zonesIn(sorted), len(a.sets), n) {
		out[order[k]] = share
	}
	return out
}

// fill gives each empty place of a partition to the fitting member that lacks most.
func (a *assignment) fill(p int) {
	for place, i := range a.sets[p] {
		if i == nobody {
			a.put(p, place, a.neediest(p, place))
		}
	}
}

// spread replaces one replica of a partition that is in fewer zones than it could be:
// of those that are not alone in their zone that of the member that holds most.
func (a *assignment) spread(p int) {
	set := a.sets[p]
	zones := a.zonesWith(p, 0, set[0])
	if a.budget[p] == 0 || zones == min(len(set), a.zones) {
		return
	}
	worst := nobody
	for place, i := range set {
		if a.zonesWith(p, place, nobody) == zones && (worst == nobody || a.over[i] > a.over[set[worst]]) {
			worst = place
		}
	}
	if i := a.neediest(p, worst); a.zonesWith(p, worst, i) > zones {
		a.budget[p]--
		a.put(p, worst, i)
	}
}

// neediest is the member, not in the set yet, that brings most zones to it in that
// place, and of those the one that lacks most; ties are broken by partition, so that
// one member's neighbours are all the others.
func (a *assignment) neediest(p, place int) int {
	best, zones := nobody, 0
	for k := range a.members {
		i := (p + k) % len(a.members)
		if slices.Contains(a.sets[p], i) {
			continue
		}
		if z := a.zonesWith(p, place, i); best == nobody || z > zones || (z == zones && a.over[i] < a.over[best]) {
			best, zones = i, z
		}
	}
	return best
}

// zonesWith counts the zones of a set with i in a place.
func (a *assignment) zonesWith(p, place, i int) int {
	count := 0
	for k, j := range a.sets[p] {
		if k == place {
			j = i
		}
		first := j != nobody
		for l := 0; first && l < k; l++ {
			other := a.sets[p][l]
			if l == place {
				other = i
			}
			first = other == nobody || a.zone[other] != a.zone[j]
		}
		if first {
			count++
		}
	}
	return count
}

// fits reports whether i may take a place: it is not in the set, and the set is in as
// many zones as before.
func (a *assignment) fits(p, place, i int) bool {
	return !slices.Contains(a.sets[p], i) && (!a.old[p][place] || a.budget[p] > 0) &&
		a.zonesWith(p, place, i) >= a.zonesWith(p, place, a.sets[p][place])
}

// put gives a place to i.
func (a *assignment) put(p, place, i int) {
	if before := a.sets[p][place]; before != nobody {
		a.over[before]--
		at := slices.Index(a.holds[before], p)
		a.holds[before] = slices.Delete(a.holds[before], at, at+1)
	}
	a.sets[p][place], a.old[p][place] = i, false
	a.over[i]++
	a.holds[i] = append(a.holds[i], p)
}

// give is one step of a chain: the member from gives a partition to the one it leads to.
type give struct{ from, partition, place int }

// balance moves replicas from members that hold too many to those that lack some, along
// the shortest chains, until there is none; with one more replica of each partition to
// replace when there is none without.
func (a *assignment) balance() {
	for raised := 0; raised < len(a.sets[0]); {
		chain := a.chain()
		if chain == nil {
			raised++
			for p := range a.budget {
				a.budget[p]++
			}
			continue
		}
		for k := len(chain) - 1; k > 0; k-- {
			to, g := chain[k].from, chain[k-1]
			if a.old[g.partition][g.place] {
				a.budget[g.partition]--
			}
			a.put(g.partition, g.place, to)
		}
	}
}

// chain finds a shortest chain by a breadth-first search from all members that hold too
// many; its last step names who takes.
func (a *assignment) chain() []give {
	came := make([]give, len(a.members)) // how a member was reached
	met := make([]bool, len(a.members))
	var queue []int
	for i, over := range a.over {
		if over > 0 {
			met[i], came[i] = true, give{from: nobody}
			queue = append(queue, i)
		}
	}
	if len(queue) == 0 {
		return nil
	}
	unmet := make([]int, 0, len(a.members))
	for i := range a.members {
		if !met[i] {
			unmet = append(unmet, i)
		}
	}
	slices.SortStableFunc(unmet, func(i, j int) int { return cmp.Compare(a.over[i], a.over[j]) })
	for head := 0; head < len(queue) && len(unmet) > 0; head++ {
		from := queue[head]
		for _, p := range a.holds[from] {
			place := slices.Index(a.sets[p], from)
			if a.old[p][place] && a.budget[p] == 0 {
				continue
			}
			rest := unmet[:0] // never ahead of what is read
			for _, to := range unmet {
				if !a.fits(p, place, to) {
					rest = append(rest, to)
					continue
				}
				came[to] = give{from, p, place}
				if a.over[to] < 0 {
					return trace(came, to)
				}
				queue = append(queue, to)
			}
			unmet = rest
		}
	}
	return nil
}

// trace is the chain that ends with a member.
func trace(came []give, to int) []give {
	chain := []give{{from: to}}
	for came[to].from != nobody {
		chain = append(chain, came[to])
		to = came[to].from
	}
	slices.Reverse(chain)
	return chain
}
