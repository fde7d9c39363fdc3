package ring

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestFirstLaws: whatever the members, each partition has as many distinct replicas
// as it can, in as many zones as it can, and each member as much as its weight asks
// for, within one partition.
func TestFirstLaws(t *testing.T) {
	weights := map[string]*rapid.Generator[int]{
		"equal weights": rapid.Just(100), "any weights": rapid.IntRange(1, maxWeight), "extreme weights": rapid.SampledFrom([]int{1, 2, maxWeight}),
	}
	for name, weight := range weights {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				members := drawMembers(t, 24, 6, weight)
				q := 1 << rapid.IntRange(3, 9).Draw(t, "log q")
				n := rapid.IntRange(1, 7).Draw(t, "n")
				d, err := First(firstOf(members, q, n))
				if err != nil {
					t.Fatal(err)
				}
				checkReplicas(t, d, n)
				counts := held(d)
				for i, want := range idealShares(d.Members, q, min(n, len(members))) {
					if got := counts[d.Members[i].ID]; math.Abs(float64(got)-want) >= 1 {
						t.Errorf("%+v holds %d partitions; its share is %.3f", d.Members[i], got, want)
					}
				}
			})
		})
	}
}

// checkReplicas checks number, distinctness and zones of each partition's replicas.
func checkReplicas(t *rapid.T, d *Document, n int) {
	all := map[string]bool{}
	for _, m := range d.Members {
		all[zoneName(m)] = true
	}
	want := min(n, len(d.Members))
	for p := range d.Layout {
		serving := slices.Clone(d.Primaries(Partition(p)))
		slices.Sort(serving)
		if len(serving) != want || len(slices.Compact(serving)) != want {
			t.Fatalf("partition %d has replicas %v, want %d distinct ones", p, d.Layout[p].Serving, want)
		}
		if zones := zonesOf(d, Partition(p)); len(zones) != min(want, len(all)) {
			t.Fatalf("partition %d is in zones %v, want %d of %d", p, zones, min(want, len(all)), len(all))
		}
	}
}

// idealShares is what each member would hold if partitions could be cut: its part by
// weight, but no more than all partitions, and with zones enough no zone more than
// all, with too few no zone less. Found by halving, unlike the code's own way.
func idealShares(members []Member, q, n int) []float64 {
	zones := map[string][]int{}
	for i, m := range members {
		zones[zoneName(m)] = append(zones[zoneName(m)], i)
	}
	fill := func(zone []int, level float64) (sum float64, shares []float64) {
		for _, i := range zone {
			share := min(float64(q), level*float64(members[i].Weight))
			shares, sum = append(shares, share), sum+share
		}
		return sum, shares
	}
	levelFor := func(total float64, size func(level float64) float64) float64 {
		low, high := 0.0, float64(q)+1
		for range 200 {
			if middle := (low + high) / 2; size(middle) < total {
				low = middle
			} else {
				high = middle
			}
		}
		return high
	}
	bounded := func(sum float64) float64 {
		if len(zones) >= n {
			return min(sum, float64(q))
		}
		return max(sum, float64(q))
	}
	level := levelFor(float64(q*n), func(level float64) float64 {
		total := 0.0
		for _, zone := range zones {
			sum, _ := fill(zone, level)
			total += bounded(sum)
		}
		return total
	})
	ideal := make([]float64, len(members))
	for _, zone := range zones {
		sum, _ := fill(zone, level)
		own := levelFor(bounded(sum), func(level float64) float64 { sum, _ := fill(zone, level); return sum })
		_, shares := fill(zone, own)
		for k, i := range zone {
			ideal[i] = shares[k]
		}
	}
	return ideal
}

func TestFirstIsTheSameForTheSameOptions(t *testing.T) {
	members := testMembers(7, "a", "b", "c", "")
	want := mustFirst(t, members, 64, 3)
	slices.Reverse(members)
	if got := mustFirst(t, members, 64, 3); !bytes.Equal(got.Raw(), want.Raw()) {
		t.Error("the order in which the members are given changes the document")
	}
}

// TestFirstSpreadsWhatANodeHolds: when a node falls, all others share its work.
func TestFirstSpreadsWhatANodeHolds(t *testing.T) {
	d := mustFirst(t, testMembers(8), 256, 3)
	together := map[[2]NodeID]int{}
	for _, e := range d.Layout {
		for _, a := range e.Serving {
			for _, b := range e.Serving {
				together[[2]NodeID{a, b}]++
			}
		}
	}
	even := 256 * 3 * 2 / (8 * 7)
	for pair, count := range together {
		if pair[0] != pair[1] && (count < even/2 || count > even*2) {
			t.Errorf("%v are together in %d partitions; evenly it would be %d", pair, count, even)
		}
	}
	if len(together) != 8*8 {
		t.Errorf("%d of 64 pairs share a partition", len(together))
	}
}

func TestFirstRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*FirstOptions)
		want   string
	}{
		"no members":                          {func(o *FirstOptions) { o.Members = nil }, "0 members: want 1 to 4096"},
		"partitions that are no power of two": {func(o *FirstOptions) { o.Partitions = 100 }, "100 partitions: want a power of two"},
		"too many partitions":                 {func(o *FirstOptions) { o.Partitions = 1 << 30 }, "want a power of two from 8 to 65536"},
		"negative partitions":                 {func(o *FirstOptions) { o.Partitions = -8 }, "-8 partitions"},
		"no replicas":                         {func(o *FirstOptions) { o.Replicas = 0 }, "0 replicas: want 1 to 64"},
		"negative replicas":                   {func(o *FirstOptions) { o.Replicas = -1 }, "-1 replicas"},
		"one member twice":                    {func(o *FirstOptions) { o.Members[1].ID = 1 }, "ids must be set, distinct and sorted"},
		"a weight of nothing":                 {func(o *FirstOptions) { o.Members[1].Weight = 0 }, "weight 0, want 1 to 1000"},
		"a negative weight":                   {func(o *FirstOptions) { o.Members[1].Weight = -5 }, "weight -5"},
		"a weight above 1000":                 {func(o *FirstOptions) { o.Members[1].Weight = 1 << 60 }, "want 1 to 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			o := firstOf(testMembers(3), 8, 3)
			c.change(&o)
			if d, err := First(o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v; want %q", d, err, c.want)
			}
		})
	}
}
