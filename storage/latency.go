package storage

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// latencyBuckets reach from below 2 µs to above 8 s: faster is not a disk, slower
// is counted as slow.
const latencyBuckets = 24

// latency counts durations in buckets whose bounds are powers of two
// microseconds. The zero value is ready.
type latency struct {
	counts [latencyBuckets]atomic.Uint64
	sum    atomic.Int64
}

// add counts one duration.
func (l *latency) add(d time.Duration) {
	bucket := bits.Len64(uint64(max(d.Microseconds(), 0)) >> 1)
	l.counts[min(bucket, latencyBuckets-1)].Add(1)
	l.sum.Add(int64(d))
}

// snapshot copies the counts.
func (l *latency) snapshot() Latencies {
	var out Latencies
	for i := range l.counts {
		out.Counts[i] = l.counts[i].Load()
	}
	out.Sum = time.Duration(l.sum.Load())
	return out
}

// Latencies is a histogram of durations.
type Latencies struct {
	// Counts[i] durations were below UpperBound(i) and not below the bound before
	// it; the last bucket has no upper bound.
	Counts [latencyBuckets]uint64
	Sum    time.Duration
}

// UpperBound is the bound of bucket i: 2 µs for the first, doubling.
func (Latencies) UpperBound(i int) time.Duration { return time.Microsecond << (i + 1) }

// Count is how many durations were counted.
func (l Latencies) Count() uint64 {
	var n uint64
	for _, c := range l.Counts {
		n += c
	}
	return n
}
