package ring

import (
	"math"
	"slices"
)

// moveCost is what it costs to give a replica to a member that did not serve the
// partition. The second of a partition costs one more, the third two more: all together
// less than one move.
const moveCost = 1 << 32

// give is one step of a chain: the member from gives a partition to the one it leads to.
// From nobody, an empty place is given away; with no partition from keeps one more as its
// share, and the one it leads to one less.
type give struct{ from, partition, place int }

// search is Dijkstra's, over members. A step counts as dearer by the level of who gives
// and as cheaper by that of who takes, which is what the chains before cost to lead there:
// so none counts less than nothing, though to move a replica back saves a move.
type search struct {
	level []int
	dist  []int  // by member: what it costs to lead there
	came  []give // by member: the last step that leads there
	done  []bool // by member: nothing cheaper leads there
	dead  []bool // by member: no chain that costs no more than the last comes by
	far   int    // no step that costs so much, with all before it, leads to anyone for less
}

func newSearch(members int) search {
	return search{level: make([]int, members), dist: make([]int, members), came: make([]give, members), done: make([]bool, members), dead: make([]bool, members)}
}

// start is before the first step of a chain.
var start = give{nobody, nobody, nobody}

// fill gives an empty place away by the cheapest chain.
func (a *assignment) fill(hole give) bool {
	a.begin()
	a.offer(hole, 0, math.MinInt)
	to := a.reach(hole.partition, math.MaxInt)
	return a.raise(to) && a.follow(to)
}

// balance moves replicas until no member holds too many. Once no chain is left that costs
// no more than the last, the next dearer one raises the levels.
func (a *assignment) balance() bool {
	for {
		clear(a.dead)
		for i := range a.over {
			for found := true; found && a.over[i] > 0; {
				found = a.same(i)
			}
		}
		if slices.Max(a.over) <= 0 {
			return true
		}
		if !a.dearer() {
			return false
		}
	}
}

// same moves a replica from a member along a chain that costs no more than the last. If
// there is none, then no chain so cheap comes by anyone whom this one reached.
func (a *assignment) same(from int) bool {
	a.begin()
	for i, dead := range a.dead {
		if dead {
			a.dist[i], a.done[i] = math.MinInt, true
		}
	}
	if a.done[from] {
		return false
	}
	limit := -a.level[from]
	a.dist[from], a.came[from], a.far = limit, start, limit+1
	to := a.reach(from, limit)
	if to == nobody {
		copy(a.dead, a.done)
		return false
	}
	return a.follow(to)
}

// dearer moves a replica from any member that holds too many along the cheapest chain.
func (a *assignment) dearer() bool {
	a.begin()
	for i, over := range a.over {
		if over > 0 {
			a.dist[i], a.came[i] = -a.level[i], start
		}
	}
	to := a.reach(0, math.MaxInt)
	return a.raise(to) && a.follow(to)
}

func (a *assignment) begin() {
	clear(a.done)
	a.far = math.MaxInt
	for i := range a.dist {
		a.dist[i] = math.MaxInt
	}
}

// raise makes the levels such that no step costs less than nothing after a chain.
func (a *assignment) raise(to int) bool {
	if to == nobody {
		return false
	}
	for i, done := range a.done {
		if done {
			a.level[i] -= a.dist[to] - a.dist[i]
		}
	}
	return true
}

// follow moves the replicas of the chain to a member.
func (a *assignment) follow(to int) bool {
	for to != nobody && a.came[to] != start {
		g := a.came[to]
		if g.partition != nobody {
			a.put(g.partition, g.place, to)
		} else {
			a.over[g.from], a.low[g.from], a.high[g.from] = a.over[g.from]-1, false, true
			a.over[to], a.low[to], a.high[to] = a.over[to]+1, true, false
		}
		to = g.from
	}
	return true
}

// reach is the member nearest of those that lack something, if one is as near as limit;
// of several the one that lacks most.
func (a *assignment) reach(turn, limit int) int {
	for {
		next := nobody
		for k := range a.members {
			i := (turn + k) % len(a.members)
			if !a.done[i] && a.dist[i] < math.MaxInt && (next == nobody || a.dist[i] < a.dist[next] ||
				(a.dist[i] == a.dist[next] && a.over[i] < a.over[next])) {
				next = i
			}
		}
		if next == nobody || a.dist[next] > limit {
			return nobody
		}
		if a.over[next] < 0 {
			return next
		}
		a.done[next] = true
		if to := a.leave(next); to != nobody {
			return to
		}
	}
}

// leave takes all steps from a member. When one leads to a member that lacks something
// and costs nothing more, that is the nearest.
func (a *assignment) leave(from int) int {
	base := a.dist[from] + a.level[from]
	for _, again := range []bool{false, true} { // what was moved before may cost more, so it comes last
		for _, p := range a.holds[from] {
			if again != (a.moved[p] > 0) {
				continue
			}
			if to := a.offer(give{from, p, slices.Index(a.sets[p], from)}, base, a.dist[from]); to != nobody {
				return to
			}
		}
	}
	if a.low[from] {
		for to, high := range a.high {
			if d := max(base-a.level[to], a.dist[from]); high && d < a.dist[to] {
				a.dist[to], a.came[to] = d, give{from, nobody, nobody}
			}
		}
	}
	return nobody
}

// offer takes the steps that give one replica away, and returns whom of those that lack
// something it leads to at no cost above least; ties are broken by partition, so that one
// member's neighbours are all the others.
func (a *assignment) offer(g give, base, least int) int {
	p, set, was := g.partition, a.sets[g.partition], a.was[g.partition]
	cost, back := a.cost(g, 1), a.cost(g, 0)
	returns := slices.ContainsFunc(was, func(i int) bool { return !slices.Contains(set, i) })
	if base+cost >= a.far && !returns {
		return nobody
	}
	best, far, again := nobody, math.MinInt, a.gave(g.from, p)
	must := g.from == nobody && a.lacks(p) == a.empty(p)
	to := p % len(a.members)
	for range a.members {
		if to++; to == len(a.members) {
			to = 0
		}
		d := base + cost - a.level[to]
		if returns && slices.Contains(was, to) {
			d = base + back - a.level[to]
		}
		if a.dist[to] <= least {
			continue
		}
		if d = max(d, least); d < a.dist[to] && a.fits(set, g.place, to, must) && (!again || !a.clashes(g, to)) {
			a.dist[to], a.came[to] = d, g
			if d == least && a.over[to] < 0 && (best == nobody || a.over[to] < a.over[best]) {
				best = to
			}
		}
		far = max(far, a.dist[to]+a.level[to])
	}
	a.far = far
	return best
}

// gave reports whether the chain to a member has a step with a partition already.
func (a *assignment) gave(to, p int) bool {
	for ; to != nobody; to = a.came[to].from {
		if a.came[to].partition == p {
			return true
		}
	}
	return false
}

// clashes reports whether a step may not fit with one before it of the same partition,
// though each does by itself: one zone has to do with both. A shorter chain leads to the
// same member then and costs no more, so that this is only seen, if ever, where with
// zones the price of a second replica misleads.
func (a *assignment) clashes(g give, to int) bool {
	for at := g.from; at != nobody; at = a.came[at].from {
		b := a.came[at]
		if b.partition != g.partition {
			continue
		}
		for _, i := range []int{b.from, at} {
			if i != nobody && (a.zone[i] == a.zone[g.from] || a.zone[i] == a.zone[to]) {
				return true
			}
		}
	}
	return false
}

// fits reports whether a member may take a place: it is not in the set, and the set is in
// as many zones as before, or in one more where it must.
func (a *assignment) fits(set []int, place, to int, must bool) bool {
	from := set[place]
	loses, gains := from != nobody, true
	for k, i := range set {
		if i == to {
			return false
		}
		if k != place && i != nobody {
			loses = loses && a.zone[i] != a.zone[from]
			gains = gains && a.zone[i] != a.zone[to]
		}
	}
	return gains || (!loses && !must)
}

// cost is that of a step to a member of whom news is known.
func (a *assignment) cost(g give, news int) int {
	if g.from != nobody {
		news -= a.news(g.partition, g.from)
	}
	return news * (moveCost + a.moved[g.partition] + min(news, 0))
}
