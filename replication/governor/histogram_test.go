package governor

import (
	"testing"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

func TestAHistogramTellsTheP99WithinAnEighth(t *testing.T) {
	for d := time.Duration(0); d < 16*time.Second; d += d/50 + time.Microsecond {
		var h histogram
		for range 980 {
			h.add(time.Microsecond)
		}
		for range 20 {
			h.add(d)
		}
		n, got := h.take()
		if n != 1000 || got <= d || got > d+d/8+2*time.Microsecond {
			t.Fatalf("%d durations, with a p99 of %v: %v", n, d, got)
		}
		if n, got := h.take(); n != 0 || got != 0 {
			t.Fatalf("what was taken is there again: %d, %v", n, got)
		}
	}
}

func TestWhatIsRarerThanOneInAHundredIsBeyondTheP99(t *testing.T) {
	var h histogram
	for range 991 {
		h.add(time.Millisecond)
	}
	for range 9 {
		h.add(time.Hour)
	}
	h.add(-time.Hour)
	if n, got := h.take(); n != 1001 || got > 2*time.Millisecond {
		t.Errorf("%d, %v", n, got)
	}
}

func BenchmarkObserve(b *testing.B) {
	g := New(Options{Clock: clock.System{}, Budget: func() float64 { return 1 }})
	now := time.Now()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			g.Observe(Write, now, 3*time.Millisecond)
		}
	})
}
