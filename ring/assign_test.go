package ring

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sets are the serving sets of a document.
func sets(d *Document) [][]NodeID {
	out := make([][]NodeID, len(d.Layout))
	for p, e := range d.Layout {
		out[p] = e.Serving
	}
	return out
}

// moved counts the partition-replicas that a change copies.
func moved(from, to [][]NodeID) (moves, most int) {
	for p := range from {
		here := 0
		for _, id := range to[p] {
			if !slices.Contains(from[p], id) {
				here++
			}
		}
		moves, most = moves+here, max(most, here)
	}
	return moves, most
}

// holdings counts what each member holds.
func holdings(members []Member, sets [][]NodeID) []int {
	out := make([]int, len(members))
	for _, set := range sets {
		for i, m := range members {
			if slices.Contains(set, m.ID) {
				out[i]++
			}
		}
	}
	return out
}

func mustAssign(t rapid.TB, o AssignOptions) [][]NodeID {
	t.Helper()
	got, err := Assign(o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAssignMovesOnlyWhatItMust(t *testing.T) {
	for name, tc := range map[string]struct {
		before, after []Member
		moves         int // the sum of what members lack: nothing less can do
		most          int // of one partition
	}{
		"nothing changes":             {testMembers(5), testMembers(5), 0, 0},
		"a fourth joins three":        {testMembers(3), testMembers(4), 48, 1},
		"two join three":              {testMembers(3), testMembers(5), 76, 2},
		"one of five leaves":          {testMembers(5), testMembers(4), 38, 1},
		"one of four leaves":          {testMembers(4), testMembers(3), 48, 1},
		"one takes another's place":   {testMembers(4), testMembers(5)[1:], 48, 1},
		"a sixth joins three zones":   {testMembers(5, "a", "b", "c"), testMembers(6, "a", "b", "c"), 32, 1},
		"one joins a zone of its own": {testMembers(4, "a", "b"), append(testMembers(4, "a", "b"), Member{ID: 9, Name: "n9", Zone: "c", Weight: 100, RPC: "r:9"}), 64, 1},
	} {
		t.Run(name, func(t *testing.T) {
			first := mustFirst(t, tc.before, 64, 3)
			got := mustAssign(t, AssignOptions{Current: sets(first), Members: tc.after, Replicas: 3})
			moves, most := moved(sets(first), got)
			if moves != tc.moves || most > tc.most {
				t.Errorf("%d moves, at most %d of one partition; want %d and %d; they hold %v", moves, most, tc.moves, tc.most, holdings(tc.after, got))
			}
		})
	}
}

// The laws of Assign, for any change of any layout.
func TestAssignLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zones := [][]string{nil, {"a", "b"}, {"a", "b", "c"}, {"a", "b", "c", "d", "e"}}[rapid.IntRange(0, 3).Draw(t, "zones")]
		before := testMembers(rapid.IntRange(1, 9).Draw(t, "before"), zones...)
		after := testMembers(rapid.IntRange(1, 12).Draw(t, "after"), zones...)
		after = after[rapid.IntRange(0, len(after)-1).Draw(t, "gone"):]
		n := rapid.IntRange(1, 4).Draw(t, "replicas")
		first, err := First(FirstOptions{Cluster: testCluster, Secret: make([]byte, 32), Partitions: 32, Replicas: n, Members: before})
		if err != nil {
			t.Fatal(err)
		}
		o := AssignOptions{Current: sets(first), Members: after, Replicas: n}
		got, err := Assign(o)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Assign(o)
		checkAssigned(t, o, got)
		for p := range got {
			if !slices.Equal(got[p], again[p]) {
				t.Fatalf("partition %d: %v and %v for the same options", p, got[p], again[p])
			}
		}
		settled, _ := Assign(AssignOptions{Current: got, Members: after, Replicas: n})
		checkAssigned(t, AssignOptions{Current: got, Members: after, Replicas: n}, settled)
	})
}

// checkAssigned holds one result to what Assign says of it.
func checkAssigned(t *rapid.T, o AssignOptions, got [][]NodeID) {
	t.Helper()
	n := min(o.Replicas, len(o.Members))
	zone := map[NodeID]string{}
	for _, m := range o.Members {
		if zone[m.ID] = m.Zone; m.Zone == "" {
			zone[m.ID] = m.ID.String()
		}
	}
	for p, set := range got {
		zones := map[string]bool{}
		for i, id := range set {
			if _, member := zone[id]; !member || slices.Index(set, id) != i {
				t.Fatalf("partition %d is given to %v: want distinct members", p, set)
			}
			zones[zone[id]] = true
			if place := slices.Index(o.Current[p], id); place >= 0 && place < n && place != i {
				t.Fatalf("partition %d goes from %v to %v: who stays is to keep its place", p, o.Current[p], set)
			}
		}
		if len(set) != n || len(zones) < min(n, len(zonesIn(o.Members))) {
			t.Fatalf("partition %d goes from %v to %v, in zones %v", p, o.Current[p], set, zones)
		}
	}
	share, _, _ := shares(o.Members, zonesIn(o.Members), len(got), n)
	for i, share := range share {
		if has := holdings(o.Members, got)[i]; has < share-1 || has > share+1 {
			t.Fatalf("%s holds %d, want %d, give or take one: %v", o.Members[i].Name, has, share, holdings(o.Members, got))
		}
	}
}

// Shares stay whole at the largest that a document may hold.
func TestSharesOfTheLargestCluster(t *testing.T) {
	for name, zones := range map[string][]string{"no zones": nil, "three zones": make([]string, 3), "one zone": make([]string, 1), "two zones for each replica": make([]string, 128)} {
		t.Run(name, func(t *testing.T) {
			for i := range zones {
				zones[i] = fmt.Sprint("z", i)
			}
			const q, n = 65536, 64
			members := testMembers(maxMembers, zones...)
			for i := range members {
				members[i].Weight = maxWeight - i%2
			}
			share, low, high := shares(members, zonesIn(members), q, n)
			sum := 0
			for i := range share {
				if sum += share[i]; share[i] < low[i] || share[i] > high[i] || high[i]-low[i] > 1 || low[i] < q*n/maxMembers-2 {
					t.Fatalf("member %d has %d, between %d and %d", i, share[i], low[i], high[i])
				}
			}
			if sum != q*n {
				t.Errorf("all have %d, want %d", sum, q*n)
			}
		})
	}
}

func BenchmarkAssign(b *testing.B) {
	for _, c := range []struct{ nodes, partitions int }{{5, 256}, {50, 4096}, {1000, 16384}} {
		before := testMembers(c.nodes)
		reweighed := testMembers(c.nodes)
		for i := range reweighed {
			reweighed[i].Weight += 37 * i % 101
		}
		for _, to := range []struct {
			what  string
			after []Member
		}{
			{"one joins", testMembers(c.nodes + 1)},
			{"a tenth joins", testMembers(c.nodes + (c.nodes+9)/10)},
			{"one leaves", before[1:]},
			{"a tenth leaves", before[(c.nodes+9)/10:]},
			{"all reweighed", reweighed},
		} {
			b.Run(fmt.Sprintf("%d nodes/%s", c.nodes, to.what), func(b *testing.B) {
				o := AssignOptions{Current: sets(mustFirst(b, before, c.partitions, 3)), Members: to.after, Replicas: 3}
				b.ReportAllocs()
				var got [][]NodeID
				for b.Loop() {
					got = mustAssign(b, o)
				}
				moves, _ := moved(o.Current, got)
				b.ReportMetric(float64(moves), "moves")
				b.ReportMetric(float64(least(o)), "least-moves")
				b.ReportMetric(furthest(o, got), "off-ideal")
			})
		}
	}
}

// least is what no change can go below: who is below its ideal rounded down must get the
// rest, and what nobody holds, or who is above its ideal rounded up, must be given away.
func least(o AssignOptions) int {
	n := min(o.Replicas, len(o.Members))
	lack, spare := 0, n*len(o.Current)
	b := newBrute(o)
	for i, held := range holdings(o.Members, o.Current) {
		lack += max(0, b.low[i]-held)
		spare -= min(held, b.high[i])
	}
	return max(lack, spare)
}

// furthest is how far from its ideal any member is: below 1 is the best that can be had.
func furthest(o AssignOptions, got [][]NodeID) float64 {
	far := 0.0
	held := holdings(o.Members, got)
	for i, ideal := range newBrute(o).ideals() {
		far = max(far, math.Abs(float64(held[i])-ideal))
	}
	return far
}
