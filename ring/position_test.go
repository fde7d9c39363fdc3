package ring

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawRing(t *rapid.T) (p Position, q int) {
	return Position(rapid.Uint64().Draw(t, "position")), 1 << rapid.IntRange(0, 16).Draw(t, "log q")
}

func TestPartitionsCoverTheRing(t *testing.T) {
	for _, q := range []int{1, 2, 8, 256, maxPartitions} {
		next := Position(0)
		for n := range q {
			first, last := Partition(n).Range(q)
			if first != next || first.Partition(q) != Partition(n) || last.Partition(q) != Partition(n) {
				t.Fatalf("partition %d of %d is %x to %x, in partitions %d and %d; want from %x", n, q, first, last, first.Partition(q), last.Partition(q), next)
			}
			next = last + 1
		}
		if next != 0 {
			t.Errorf("%d partitions end before %x", q, next)
		}
	}
}

func TestPositionLiesInItsPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawRing(t)
		first, last := p.Partition(q).Range(q)
		if p < first || p > last {
			t.Errorf("%x of %d partitions is in %d, which is %x to %x", p, q, p.Partition(q), first, last)
		}
	})
}

func TestSegmentsCoverTheirPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := drawRing(t)
		first, last := p.Partition(q).Range(q)
		width := uint64(last-first)/SegmentsPerPartition + 1
		if want := Segment(uint64(p-first) / width); p.Segment(q) != want || want >= SegmentsPerPartition {
			t.Errorf("%x of %d partitions is in segment %d, want %d", p, q, p.Segment(q), want)
		}
		from, to := p.Partition(q).SegmentRange(p.Segment(q), q)
		if p < from || p > to || from.Segment(q) != to.Segment(q) || uint64(to-from) != width-1 {
			t.Errorf("%x of %d partitions is in segment %d, which is %x to %x", p, q, p.Segment(q), from, to)
		}
	})
}

// TestPositionsNeverChange: keys are stored by position, so a change loses them all.
func TestPositionsNeverChange(t *testing.T) {
	for _, c := range []struct {
		bucket, key string
		want        Position
	}{
		{"default", "a", 0x87b25a0b9077ee54}, {"", "", 0xe934a84adb052768},
		{"default", "\x00\xff", 0x8878c9e0e5737aa}, {"orders", "2026/11/25", 0xa7d68cbfac50a25a},
	} {
		if got := PositionOf(c.bucket, c.key); got != c.want {
			t.Errorf("{%q, %q, %#x}, want %#x", c.bucket, c.key, uint64(got), uint64(c.want))
		}
	}
}

func TestPairsThatReadAlikeLieApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 40, 300).Draw(t, "text")
		cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
		other := rapid.IntRange(0, len(text)).Filter(func(i int) bool { return i != cut }).Draw(t, "other")
		if a, b := PositionOf(text[:cut], text[cut:]), PositionOf(text[:other], text[other:]); a == b {
			t.Errorf("%q cut at %d and at %d both lie at %x", text, cut, other, a)
		}
	})
}

// TestKeysSpreadEvenly: a partition has its part of the keys, even of keys that are
// alike.
func TestKeysSpreadEvenly(t *testing.T) {
	const q, each = 256, 400
	counts := make([]int, q)
	for i := range q * each {
		counts[PositionOf("default", fmt.Sprintf("user/%08d", i)).Partition(q)]++
	}
	if least, most := slices.Min(counts), slices.Max(counts); least < each*8/10 || most > each*12/10 {
		t.Errorf("of %d keys in %d partitions one has %d and one %d", q*each, q, least, most)
	}
}
