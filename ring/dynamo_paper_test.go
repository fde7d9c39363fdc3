package ring

import (
	"fmt"
	"slices"
	"testing"
)

// What DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store" (2007),
// says of the ring, one test a claim. Its claims about arriving and leaving nodes are
// for those who change layouts.

// Section 4.2: "the output range of a hash function is treated as a fixed circular
// space or 'ring' (i.e. the largest hash value wraps around to the smallest hash
// value)".
func TestPaper42TheRingWrapsAround(t *testing.T) {
	d := mustFirst(t, testMembers(64), 64, 1)
	last := ^Position(0)
	if p := last.Partition(64); p != 63 || Position(0).Partition(64) != 0 {
		t.Fatalf("the last position is in partition %d", p)
	}
	for id := range d.Fallbacks(63) {
		if want := d.Primaries(0)[0]; id != want {
			t.Errorf("after the last partition comes %s, want who holds the first, %s", id, want)
		}
		break
	}
}

// Section 4.2: "the number of virtual nodes that a node is responsible can [be] decided
// based on its capacity, accounting for heterogeneity in the physical infrastructure".
func TestPaper42CapacityDecidesHowMuchANodeHolds(t *testing.T) {
	members := testMembers(5)
	members[0].Weight, members[1].Weight = 200, 50
	counts := held(mustFirst(t, members, 1024, 3))
	for id, want := range map[NodeID]int{1: 1024, 2: 292, 3: 585, 4: 585, 5: 585} { // 1 is full: the rest of its share goes to the others
		if got := counts[id]; got < want || got > want+1 {
			t.Errorf("%s holds %d of 1024 partitions, want %d", id, got, want)
		}
	}
}

// Section 4.2: "If a node becomes unavailable (due to failures or routine maintenance),
// the load handled by this node is evenly dispersed across the remaining available
// nodes."
func TestPaper42LoadOfADeadNodeIsDispersed(t *testing.T) {
	const nodes, q = 8, 1024
	d := mustFirst(t, testMembers(nodes), q, 3)
	for dead := NodeID(1); dead <= nodes; dead++ {
		stands := map[NodeID]int{}
		for p := range Partition(q) {
			if d.IsPrimary(p, dead) {
				for id := range d.Fallbacks(p) {
					stands[id]++
					break
				}
			}
		}
		even := q * 3 / nodes / (nodes - 1)
		for id := NodeID(1); id <= nodes; id++ {
			if got := stands[id]; id != dead && (got < even/2 || got > even*2) {
				t.Errorf("%s stands in for %s in %d partitions, evenly it would be %d", id, dead, got, even)
			}
		}
	}
}

// Section 4.3: "each key, k, is assigned to a coordinator node [...] in addition [...]
// the coordinator replicates these keys at the N-1 clockwise successor nodes" and "the
// system is designed so that every node in the system can determine which nodes should
// be in this list for any particular key".
func TestPaper43EveryNodeDeterminesThePreferenceList(t *testing.T) {
	here := mustFirst(t, testMembers(10, "a", "b", "c"), 256, 3)
	there, err := Decode(slices.Clone(here.Raw()))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		p := PositionOf("default", fmt.Sprint("key", i)).Partition(256)
		if len(here.Primaries(p)) != 3 || !slices.Equal(here.Primaries(p), there.Primaries(p)) ||
			!slices.Equal(slices.Collect(here.Fallbacks(p)), slices.Collect(there.Fallbacks(p))) {
			t.Fatalf("two nodes see partition %d differently", p)
		}
	}
}

// Section 4.3: "To account for node failures, preference list contains more than N
// nodes" and "the preference list for a key is constructed by skipping positions in the
// ring to ensure that the list contains only distinct physical nodes".
func TestPaper43PreferenceListSkipsToDistinctNodes(t *testing.T) {
	d := mustFirst(t, testMembers(6), 64, 3)
	for p := range Partition(64) {
		list := slices.AppendSeq(slices.Clone(d.Primaries(p)), d.Fallbacks(p))
		// The same, the naive way: walk on, skip whom was met.
		var want []NodeID
		for i := range 64 {
			for _, id := range d.Primaries((p + Partition(i)) % 64) {
				if !slices.Contains(want, id) {
					want = append(want, id)
				}
			}
		}
		if !slices.Equal(list, want) || len(list) <= d.Replicas {
			t.Errorf("partition %d prefers %v, want %v", p, list, want)
		}
	}
}

// Section 4.6: "the preference list of a key is constructed such that the storage nodes
// are spread across multiple data centers".
func TestPaper46ReplicasAreSpreadAcrossDataCenters(t *testing.T) {
	d := mustFirst(t, testMembers(9, "east", "east", "west", "north"), 256, 3)
	for p := range Partition(256) {
		if zones := zonesOf(d, p); len(zones) != 3 {
			t.Errorf("partition %d is only in %v", p, zones)
		}
	}
}

// Section 6.2, strategy 3: "the hash space [is divided] into Q equally sized partitions
// and the placement of partition is decoupled from the partitioning scheme. Moreover,
// each node is assigned Q/S tokens where S is the number of nodes in the system."
func TestPaper62EqualPartitionsPlacedApart(t *testing.T) {
	const q, n = 256, 3
	for _, s := range []int{3, 4, 10, 31, 256} {
		d := mustFirst(t, testMembers(s), q, n)
		for id, count := range held(d) {
			if count < q*n/s || count > (q*n+s-1)/s {
				t.Errorf("of %d nodes, %s holds %d partitions, want %d", s, id, count, q*n/s)
			}
		}
		// Who is there changes where a partition is, and never which keys are in it.
		if p := PositionOf("default", "k").Partition(d.Partitions); p != PositionOf("default", "k").Partition(q) {
			t.Errorf("with %d nodes the key is in partition %d", s, p)
		}
	}
	first, last := Partition(0).Range(q)
	for p := range Partition(q) {
		if a, b := p.Range(q); b-a != last-first {
			t.Errorf("partition %d has another size", p)
		}
	}
}
