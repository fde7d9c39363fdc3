package ring

import (
	"math"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// brute is the rule for Assign, put down once more from its text and not from its code:
// each partition on n distinct members and in distinct zones where there are enough, each
// member within one partition of its ideal. It goes through all layouts of a small case.
type brute struct {
	o     AssignOptions
	n     int
	zone  []int // by member
	zones int
	low   []int // by member: the ideal rounded down
	high  []int // and up
}

func newBrute(o AssignOptions) *brute {
	b := &brute{o: o, n: min(o.Replicas, len(o.Members)), zone: make([]int, len(o.Members))}
	names := map[string]int{}
	for i, m := range o.Members {
		name := zoneName(m)
		if _, known := names[name]; !known {
			names[name] = len(names)
		}
		b.zone[i] = names[name]
	}
	b.zones = len(names)
	b.low, b.high = b.bounds()
	return b
}

// bounds are the whole numbers below and above each ideal.
func (b *brute) bounds() (low, high []int) {
	for _, ideal := range b.ideals() {
		low = append(low, int(math.Floor(ideal+1e-6)))
		high = append(high, int(math.Ceil(ideal-1e-6)))
	}
	return low, high
}

// ideals raises a level until all replicas are placed: a member has its weight times the
// level, but no more than every partition once; a zone no more than every partition once
// where zones suffice, and no less where they do not.
func (b *brute) ideals() []float64 {
	q := float64(len(b.o.Current))
	at := func(level float64) (ideals []float64, sum float64) {
		ideals = make([]float64, len(b.o.Members))
		for z := range b.zones {
			weight, total := 0.0, 0.0
			for i, m := range b.o.Members {
				if b.zone[i] == z {
					ideals[i] = min(q, level*float64(m.Weight))
					weight, total = weight+float64(m.Weight), total+ideals[i]
				}
			}
			if enough := b.zones >= b.n; (enough && total > q) || (!enough && total < q) {
				for i, m := range b.o.Members {
					if b.zone[i] == z {
						ideals[i] = q * float64(m.Weight) / weight
					}
				}
				total = q
			}
			sum += total
		}
		return ideals, sum
	}
	low, high := 0.0, 2*q
	for range 200 {
		if _, sum := at((low + high) / 2); sum < q*float64(b.n)-1e-12 {
			low = (low + high) / 2
		} else {
			high = (low + high) / 2
		}
	}
	ideals, _ := at(high)
	return ideals
}

// cost is what a layout costs: replicas moved, and beside them one for each second one of
// a partition, two for each third.
type cost struct{ moves, beside int }

func (c cost) plus(d cost) cost { return cost{c.moves + d.moves, c.beside + d.beside} }

func (c cost) below(d cost) bool {
	return c.moves < d.moves || (c.moves == d.moves && c.beside < d.beside)
}

// sets are those that a partition may have, as bits by member.
func (b *brute) sets() []int {
	var out []int
	for set := range 1 << len(b.o.Members) {
		zones := 0
		for i, z := range b.zone {
			if set>>i&1 == 1 {
				zones |= 1 << z
			}
		}
		if bits.OnesCount(uint(set)) == b.n && bits.OnesCount(uint(zones)) >= min(b.n, b.zones) {
			out = append(out, set)
		}
	}
	return out
}

// bits are a partition's members after the change.
func (b *brute) bits(ids []NodeID) int {
	set := 0
	for i, m := range b.o.Members {
		if slices.Contains(ids, m.ID) {
			set |= 1 << i
		}
	}
	return set
}

// costs are what each allowed set of a partition costs.
func (b *brute) costs(p int, sets []int) []cost {
	here := b.bits(b.o.Current[p])
	out := make([]cost, len(sets))
	for k, set := range sets {
		moves := bits.OnesCount(uint(set &^ here))
		out[k] = cost{moves, moves * (moves - 1) / 2}
	}
	return out
}

// best is the cost of the best layout. Layouts that give members the same numbers of
// partitions so far are alike for the partitions that follow: only the best goes on.
func (b *brute) best() (cost, bool) {
	sets, q := b.sets(), len(b.o.Current)
	reached := map[int]cost{0: {}} // by what members hold, a digit each
	for p := range q {
		next := map[int]cost{}
		costs := b.costs(p, sets)
		for held, c := range reached {
			for k, set := range sets {
				digit, key := 1, held
				for i := range b.zone {
					key += digit * (set >> i & 1)
					digit *= q + 1
				}
				if sum := c.plus(costs[k]); !b.full(key) {
					if before, ok := next[key]; !ok || sum.below(before) {
						next[key] = sum
					}
				}
			}
		}
		reached = next
	}
	var found cost
	fits := false
	for held, c := range reached {
		if b.balanced(held) && (!fits || c.below(found)) {
			found, fits = c, true
		}
	}
	return found, fits
}

// full reports whether a member holds more than it may.
func (b *brute) full(held int) bool {
	for i := range b.zone {
		if held%(len(b.o.Current)+1) > b.high[i] {
			return true
		}
		held /= len(b.o.Current) + 1
	}
	return false
}

func (b *brute) balanced(held int) bool {
	for i := range b.zone {
		if has := held % (len(b.o.Current) + 1); has < b.low[i] || has > b.high[i] {
			return false
		}
		held /= len(b.o.Current) + 1
	}
	return true
}

// drawChange draws a small change: of a layout as First or Assign made it, or of any.
func drawChange(t *rapid.T) AssignOptions {
	members := drawMembers(t, 6, 4, rapid.SampledFrom([]int{100, 100, 100, 200, 50, 300, 1000}))
	o := AssignOptions{Replicas: rapid.IntRange(1, 3).Draw(t, "replicas"), Current: make([][]NodeID, rapid.IntRange(1, 6).Draw(t, "partitions"))}
	before := members[:rapid.IntRange(1, len(members)).Draw(t, "before")]
	o.Members = slices.Clone(members[rapid.IntRange(0, len(members)-1).Draw(t, "gone"):])
	if rapid.Bool().Draw(t, "made") {
		n := min(o.Replicas, len(before))
		deal := newDeal(before, len(o.Current), n)
		for p := range o.Current {
			o.Current[p] = deal.next(Partition(p), n, len(o.Current)-p)
		}
	} else {
		for p := range o.Current {
			for _, k := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(before)-1), min(o.Replicas, len(before)), min(o.Replicas, len(before)), rapid.ID[int]).Draw(t, "set") {
				o.Current[p] = append(o.Current[p], before[k].ID)
			}
		}
	}
	if rapid.Bool().Draw(t, "reweigh") {
		o.Members[0].Weight = 150
	}
	if rapid.Bool().Draw(t, "rezone") {
		o.Members[0].Zone = "z1"
	}
	slices.SortFunc(o.Members, compareMembers)
	return o
}

// Assign finds what going through all layouts finds: the fewest moves, and without zones
// also the fewest partitions that have more than one replaced, or more than two.
func TestAssignAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			o := drawChange(t)
			compareWithBrute(t, o, mustAssign(t, o))
		}
	})
}

// Small changes that once had more moves than they need, or no chain at all.
func TestAssignOfHardCases(t *testing.T) {
	members := func(zones string, weights ...int) []Member {
		out := testMembers(len(weights))
		for i, w := range weights {
			if out[i].Weight = w; zones[i] != '-' {
				out[i].Zone = zones[i : i+1]
			}
		}
		return out
	}
	for name, tc := range map[string]struct {
		current  [][]NodeID
		members  []Member
		replicas int
	}{
		"another is rounded up":                {[][]NodeID{{1, 2}, {1, 3}, {1, 4}, {2, 3}}, members("-----", 200, 100, 100, 110, 90), 2},
		"two in a zone of which one must go":   {[][]NodeID{{2, 1}, {3, 4}}, members("aa---", 100, 200, 100, 100, 100), 2},
		"fewer zones than replicas, all new":   {[][]NodeID{{9}, {9}, {9}, {9}}, members("aaabb", 100, 100, 200, 100, 100), 3},
		"one replaced of each, over four":      {[][]NodeID{{2, 4}, {2, 3}}, members("----", 200, 100, 1000, 100), 2},
		"what came last would go back":         {[][]NodeID{{3, 4}, {3, 2}, {3, 2}, {3, 4}, {3, 4}, {2, 1}}, members("a-b-", 100, 100, 1000, 100), 2},
		"one comes back and another goes":      {[][]NodeID{{2, 5}, {2, 5}, {1, 5}, {1, 3}}, members("------", 100, 100, 100, 100, 1000, 100), 2},
		"three in a zone that may be in three": {[][]NodeID{{1, 2, 3}, {1, 2, 3}, {4, 5, 6}}, members("aaabbc", 100, 100, 100, 100, 100, 100), 3},
	} {
		t.Run(name, func(t *testing.T) {
			o := AssignOptions{Current: tc.current, Members: tc.members, Replicas: tc.replicas}
			compareWithBrute(t, o, mustAssign(t, o))
		})
	}
}

func compareWithBrute(t rapid.TB, o AssignOptions, got [][]NodeID) {
	t.Helper()
	b := newBrute(o)
	want, fits := b.best()
	if !fits {
		t.Fatalf("no layout fits the rule: the reference is wrong, ideals %v of %+v", b.ideals(), o)
	}
	var has cost
	sets := b.sets()
	for p := range got {
		k := slices.Index(sets, b.bits(got[p]))
		if k < 0 || len(got[p]) != b.n {
			t.Fatalf("partition %d is given to %v in %+v", p, got[p], o)
		}
		has = has.plus(b.costs(p, sets)[k])
	}
	for i, held := range holdings(o.Members, got) {
		if held < b.low[i] || held > b.high[i] {
			t.Fatalf("%s holds %d, want %d to %d in %+v", o.Members[i].Name, held, b.low[i], b.high[i], o)
		}
	}
	if has.moves != want.moves {
		t.Fatalf("%d moves, and %d can do: %v of %+v", has.moves, want.moves, got, o)
	}
	if b.zones == len(o.Members) && has.beside != want.beside {
		t.Fatalf("%d for more than one replica of a partition, and %d can do: %v of %+v", has.beside, want.beside, got, o)
	}
}
