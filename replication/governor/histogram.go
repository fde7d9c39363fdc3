package governor

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// A bucket is an eighth of a power of two: two durations of one bucket differ by an
// eighth at most, far less than what is acted on.
const (
	subBits = 3
	// From 1 µs to 2^24 µs, 17 s: no request takes longer than its timeout.
	histogramBuckets = (24 - subBits + 1) << subBits
)

// histogram counts durations. Its zero value is ready; it is safe for concurrent use.
type histogram [histogramBuckets]atomic.Uint32

// add counts one duration. It neither locks nor allocates.
func (h *histogram) add(d time.Duration) { h[bucketOf(d)].Add(1) }

func bucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	shift := max(bits.Len64(us)-subBits-1, 0)
	return min(shift<<subBits+int(us>>shift), histogramBuckets-1) //nolint:gosec // us>>shift is below 16
}

// lowest is the shortest duration of a bucket.
func lowest(bucket int) time.Duration {
	shift := max(bucket>>subBits-1, 0)
	return time.Duration(bucket-shift<<subBits) << shift * time.Microsecond
}

// count tells how many durations there are.
func (h *histogram) count() int {
	n := 0
	for i := range h {
		n += int(h[i].Load())
	}
	return n
}

// take empties the histogram, and tells how many durations there were and which of them
// 99 % did not exceed, as the upper bound of its bucket.
func (h *histogram) take() (n int, p99 time.Duration) {
	var counts [histogramBuckets]int
	for i := range h {
		counts[i] = int(h[i].Swap(0))
		n += counts[i]
	}
	beyond := n / 100
	for i := histogramBuckets - 1; i >= 0; i-- {
		if counts[i] > beyond {
			return n, lowest(i + 1)
		}
		beyond -= counts[i]
	}
	return n, 0
}
