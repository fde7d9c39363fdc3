package ring

import (
	"fmt"
	"testing"
)

// A large cluster: 1,000 nodes with 16 partitions each.
const (
	benchNodes      = 1000
	benchPartitions = 1 << 14
)

func BenchmarkPositionOf(b *testing.B) {
	b.ReportAllocs()
	key := "user/0000000000000042"
	for b.Loop() {
		PositionOf("default", key)
	}
}

// BenchmarkLookup is what each request needs: position, partition, replicas.
func BenchmarkLookup(b *testing.B) {
	d := mustFirst(b, testMembers(benchNodes, "a", "b", "c"), benchPartitions, 3)
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = fmt.Sprintf("user/%016d", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := PositionOf("default", keys[i%len(keys)]).Partition(d.Partitions)
		if len(d.Primaries(p)) != 3 {
			b.Fatal("no replicas")
		}
	}
}

// BenchmarkFallbacks takes as many as a request with three replicas goes through at
// most.
func BenchmarkFallbacks(b *testing.B) {
	d := mustFirst(b, testMembers(benchNodes, "a", "b", "c"), benchPartitions, 3)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		taken := 0
		for range d.Fallbacks(Partition(i % benchPartitions)) {
			if taken++; taken == 6 {
				break
			}
		}
	}
}

func BenchmarkFirst(b *testing.B) {
	o := firstOf(testMembers(benchNodes, "a", "b", "c"), benchPartitions, 3)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := First(o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	raw := mustFirst(b, testMembers(benchNodes, "a", "b", "c"), benchPartitions, 3).Raw()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}
