package storage

import (
	"context"

	"github.com/hengedb/henge/ring"
)

// segmentLocks are the locks under which objects and hints change: the lock of
// segment i guards segment i of every partition. So a segment has one lock, all
// locks of a partition are the whole table, and the table's size does not grow
// with the ring.
//
// A lock is a channel with room for one token, so that who waits for it can give
// up, and that who took it can hand it to another goroutine.
type segmentLocks [ring.SegmentsPerPartition]chan struct{}

func newSegmentLocks() *segmentLocks {
	var l segmentLocks
	for i := range l {
		l[i] = make(chan struct{}, 1)
	}
	return &l
}

// lock takes the lock of segment i. It gives up when ctx ends, with its cause,
// or when the store fails: the holder may then never come back from Pebble.
func (l *segmentLocks) lock(ctx context.Context, i ring.Segment, f *fault) error {
	select {
	case l[i] <- struct{}{}:
		return nil
	default:
	}
	select {
	case l[i] <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-f.done:
		return f.err()
	}
}

// unlock releases the lock of segment i, which may have been taken elsewhere.
func (l *segmentLocks) unlock(i ring.Segment) { <-l[i] }

// pass takes and releases every lock once: whoever held one when pass began has
// released it when pass returns. It gives up when the store fails.
func (l *segmentLocks) pass(f *fault) error {
	for i := range l {
		if err := l.lock(context.Background(), ring.Segment(i), f); err != nil {
			return err
		}
		l.unlock(ring.Segment(i))
	}
	return nil
}
