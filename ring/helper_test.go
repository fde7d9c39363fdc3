package ring

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

const testCluster = "0123456789abcdef0123456789abcdef"

// testMembers are members 1 to n, of weight 100, in the zones given, in turn.
func testMembers(n int, zones ...string) []Member {
	members := make([]Member, n)
	for i := range members {
		members[i] = Member{ID: NodeID(i + 1), Name: fmt.Sprintf("n%d", i+1), Weight: 100, RPC: fmt.Sprintf("10.0.0.%d:7421", i+1)}
		if len(zones) > 0 {
			members[i].Zone = zones[i%len(zones)]
		}
	}
	return members
}

func firstOf(members []Member, partitions, replicas int) FirstOptions {
	return FirstOptions{
		Cluster: testCluster, Secret: bytes.Repeat([]byte{7}, 32), EraRandom: 42,
		Partitions: partitions, Replicas: replicas, Members: members, Settings: Settings{AutoBuckets: true},
	}
}

// mustFirst is document 1 of the members.
func mustFirst(t testing.TB, members []Member, partitions, replicas int) *Document {
	t.Helper()
	d, err := First(firstOf(members, partitions, replicas))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// held counts each member's partitions.
func held(d *Document) map[NodeID]int {
	counts := map[NodeID]int{}
	for _, e := range d.Layout {
		for _, id := range e.Serving {
			counts[id]++
		}
	}
	return counts
}

// zonesOf counts the replicas of a partition in each zone; a member without a zone is
// one of its own.
func zonesOf(d *Document, p Partition) map[string]int {
	zones := map[string]int{}
	for _, id := range d.Primaries(p) {
		m, _ := d.Member(id)
		zones[zoneName(m)]++
	}
	return zones
}

func zoneName(m Member) string {
	if m.Zone == "" {
		return "of " + m.ID.String()
	}
	return m.Zone
}

// drawMembers draws members with random ids, in up to maxZones zones, some in none.
func drawMembers(t *rapid.T, maxMembers, maxZones int, weight *rapid.Generator[int]) []Member {
	ids := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 1<<63), 1, maxMembers, rapid.ID[uint64]).Draw(t, "ids")
	zones := rapid.IntRange(0, maxZones).Draw(t, "zones")
	members := make([]Member, len(ids))
	for i, id := range ids {
		members[i] = Member{ID: NodeID(id), Name: fmt.Sprint("n", i), Weight: weight.Draw(t, "weight")}
		if zone := rapid.IntRange(0, zones).Draw(t, "zone"); zone > 0 {
			members[i].Zone = fmt.Sprint("z", zone)
		}
	}
	return members
}
