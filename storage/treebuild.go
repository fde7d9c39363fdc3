package storage

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// A tree is built from a few segments at a time: so many that a seek pays, so few that
// neither their locks nor their snapshot are held for long.
const (
	buildSegments = 64
	buildBytes    = 4 << 20
)

// BuildTree makes the leaves of partition p's hash tree what the disk holds, and the
// tree known. Of a tree that is known already it finds leaves that are not as the
// objects: a block that changed silently, or a bug. Such a leaf is corrected, logged
// and counted.
//
// For each few segments it takes their locks, for as long as a snapshot and a copy of
// their leaves take. What changes afterwards is the difference of a leaf to its copy,
// so that, again under the lock,
//
//	leaf = scan of the snapshot ^ (leaf ^ copy)
//
// Between these steps, when no snapshot is held, it calls pace with the bytes that it
// read, 0 at first, and ends with pace's error if there is one. One tree of a store is
// built at a time. ErrCorrupt leaves the tree as it was, as far as it came.
func (s *Store) BuildTree(ctx context.Context, p ring.Partition, pace func(ctx context.Context, read int) error) error {
	t := s.treeOf(p)
	if t == nil {
		return nil
	}
	select {
	case s.building <- struct{}{}:
		defer func() { <-s.building }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	step := s.buildStep(p)
	read := 0
	for first := 0; first < ring.SegmentsPerPartition; first += step {
		if err := pace(ctx, read); err != nil {
			return fmt.Errorf("hash tree of partition %d: %w", p, err)
		}
		segments := segmentRange{p, ring.Segment(first), ring.Segment(min(first+step, ring.SegmentsPerPartition) - 1)} //nolint:gosec // at most 1,023
		var err error
		if read, err = s.buildLeaves(ctx, t, segments); err != nil {
			return fmt.Errorf("hash tree of partition %d: %w", p, err)
		}
		if s.treeOf(p) != t {
			return nil // nobody asks for it any more
		}
	}
	t.built.Store(true)
	return pace(ctx, read)
}

// buildStep is how many segments of partition p are scanned at a time.
func (s *Store) buildStep(p ring.Partition) int {
	size, err := s.RangeBytes(p)
	if err != nil || size == 0 {
		return buildSegments
	}
	fit := uint64(buildBytes) * ring.SegmentsPerPartition / size
	return int(max(1, min(fit, buildSegments))) //nolint:gosec // at most 64
}

// segmentRange is a few segments of a partition, the last one included.
type segmentRange struct {
	partition   ring.Partition
	first, last ring.Segment
}

// buildLeaves makes the leaves of a few segments what the disk holds, and tells how
// many bytes that were.
func (s *Store) buildLeaves(ctx context.Context, t *tree, r segmentRange) (read int, err error) {
	if err := s.begin(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	it, copied, err := s.snapshot(ctx, t, r)
	if err != nil {
		return 0, err
	}
	scanned, read, err := s.scanLeaves(ctx, t, r, it)
	if closed := it.Close(); err == nil {
		err = s.iterError(closed)
	}
	if err != nil {
		return read, err
	}
	for i := range copied {
		segment := r.first + ring.Segment(i) //nolint:gosec // at most 64
		if err := s.locks.lock(ctx, segment, s.fault); err != nil {
			return read, err
		}
		if s.treeOf(r.partition) != t { // it was fenced meanwhile, or given up
			s.locks.unlock(segment)
			return read, nil
		}
		t.add(segment, scanned[i].minus(copied[i]))
		s.locks.unlock(segment)
		if copied[i] != scanned[i] && t.built.Load() {
			s.counters.wrongLeaves.Add(1)
			s.options.Logger.Error("a leaf of a hash tree was not as the objects on disk; it is corrected, and other replicas will be compared",
				slog.Int("partition", int(r.partition)), slog.Int("segment", int(segment)))
		}
	}
	return read, nil
}

// snapshot copies the leaves of a few segments and opens an iterator over what they
// stood for at that moment. It takes several locks, in their order, which nobody else
// does but other builders, of which there is one.
func (s *Store) snapshot(ctx context.Context, t *tree, r segmentRange) (*pebble.Iterator, []leaf, error) {
	held := r.first
	defer func() {
		for i := r.first; i < held; i++ {
			s.locks.unlock(i)
		}
	}()
	for ; held <= r.last; held++ {
		if err := s.locks.lock(ctx, held, s.fault); err != nil {
			return nil, nil, err
		}
	}
	l := s.layout.Load()
	first, _ := r.partition.SegmentRange(r.first, len(l.states))
	_, last := r.partition.SegmentRange(r.last, len(l.states))
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: appendPosition(nil, sectionObject, first), UpperBound: keyAfter(sectionObject, last),
	})
	if err != nil {
		return nil, nil, s.iterError(err)
	}
	copied := make([]leaf, 0, r.last-r.first+1)
	for i := r.first; i <= r.last; i++ {
		copied = append(copied, t.leaf(i))
	}
	return it, copied, nil
}

// scanLeaves sums up the objects under an iterator by segment.
func (s *Store) scanLeaves(ctx context.Context, t *tree, r segmentRange, it *pebble.Iterator) (leaves []leaf, read int, err error) {
	q := len(s.layout.Load().states)
	leaves = make([]leaf, r.last-r.first+1)
	for ok := it.First(); ok; ok = it.Next() {
		if ctx.Err() != nil {
			return nil, read, context.Cause(ctx)
		}
		p := s.pair(sectionObject, it)
		if p.err != nil {
			return nil, read, p.err
		}
		o, err := s.decodeObject(p.key.Bucket, p.value, causal.Epoch{})
		if err = s.scanError(p, err); err != nil {
			return nil, read, err
		}
		i := p.pos.Segment(q) - r.first
		leaves[i] = leaves[i].plus(t.leafOf(p.key, o))
		read += len(p.value)
	}
	return leaves, read, s.iterError(it.Error())
}
