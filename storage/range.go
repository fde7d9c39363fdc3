package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hengedb/henge/ring"
)

// RangePage reads the objects of partition p that come after a key, or all when it
// is zero, in ring order: at most records of them, and at most bytes of encoding
// unless the first alone has more. more says that others follow the last one. It is
// otherwise like Scan.
func (s *Store) RangePage(ctx context.Context, p ring.Partition, after Key, records, bytes int) (page []Record, more bool, err error) {
	l := s.layout.Load()
	if l == nil {
		return nil, false, ErrNoDocument
	}
	first, last := p.Range(len(l.states))
	page, more, err = s.recordPage(ctx, first, last, after, records, bytes)
	if err != nil {
		return nil, false, fmt.Errorf("scan partition %d: %w", p, err)
	}
	return page, more, nil
}

// SegmentPage is RangePage for one segment of partition p.
func (s *Store) SegmentPage(ctx context.Context, p ring.Partition, segment ring.Segment, after Key, records, bytes int) (page []Record, more bool, err error) {
	l := s.layout.Load()
	if l == nil {
		return nil, false, ErrNoDocument
	}
	first, last := p.SegmentRange(segment, len(l.states))
	page, more, err = s.recordPage(ctx, first, last, after, records, bytes)
	if err != nil {
		return nil, false, fmt.Errorf("scan segment %d of partition %d: %w", segment, p, err)
	}
	return page, more, nil
}

// ObjectPage is RangePage for the objects from position first to last.
func (s *Store) ObjectPage(ctx context.Context, first, last ring.Position, after Key, records, bytes int) (page []Record, more bool, err error) {
	page, more, err = s.recordPage(ctx, first, last, after, records, bytes)
	if err != nil {
		return nil, false, fmt.Errorf("scan from position %016x to %016x: %w", uint64(first), uint64(last), err)
	}
	return page, more, nil
}

// recordPage reads a page of the objects from position first to last, after a key.
func (s *Store) recordPage(ctx context.Context, first, last ring.Position, after Key, records, bytes int) (page []Record, more bool, err error) {
	before := s.stateOf(first)
	lower := ScanFrom{Position: first, Key: after}.bound(sectionObject)
	pairs, next, err := s.page(ctx, sectionObject, lower, keyAfter(sectionObject, last), pageLimits{records, bytes})
	if err == nil {
		err = s.unfenced(before)
	}
	if err != nil {
		return nil, false, err
	}
	page = make([]Record, len(pairs))
	for i, pair := range pairs {
		page[i] = Record{Key: pair.key, Position: pair.pos}
		page[i].Object, err = s.decodeObject(pair.key.Bucket, pair.value, pair.epoch)
		if err = s.scanError(pair, err); err != nil {
			return nil, false, err
		}
	}
	return page, next != nil, nil
}

// RangeBytes guesses how many bytes partition p takes on the disk. What is still in
// memory is not among them.
func (s *Store) RangeBytes(p ring.Partition) (uint64, error) {
	lower, upper, err := s.rangeBounds(p)
	if err != nil {
		return 0, err
	}
	if err := s.begin(); err != nil {
		return 0, err
	}
	defer s.gate.leave()
	n, err := s.db.EstimateDiskUsage(lower, upper)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("size of partition %d: %w", p, err), s.fault.err())
	}
	return n, nil
}

// Leftovers lists the partitions that this node holds no replica of and has objects
// of all the same, and counts those objects, up to limit.
func (s *Store) Leftovers(ctx context.Context, limit int) (partitions []ring.Partition, objects int, err error) {
	l := s.layout.Load()
	if l == nil {
		return nil, 0, ErrNoDocument
	}
	if err := s.begin(); err != nil {
		return nil, 0, err
	}
	defer s.gate.leave()
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: []byte{byte(sectionObject)}, UpperBound: []byte{byte(sectionObject) + 1},
	})
	if err != nil {
		return nil, 0, s.iterError(err)
	}
	for i := range l.states {
		if l.states[i].Load().Held {
			continue
		}
		first, last := ring.Partition(i).Range(len(l.states))
		upper := keyAfter(sectionObject, last)
		found := 0
		for ok := it.SeekGE(appendPosition(nil, sectionObject, first)); ok && string(it.Key()) < string(upper); ok = it.Next() {
			if found++; objects+found > limit {
				break
			}
		}
		if found > 0 {
			partitions, objects = append(partitions, ring.Partition(i)), min(objects+found, limit)
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
			break
		}
	}
	if err == nil {
		err = s.iterError(it.Error())
	}
	if closed := it.Close(); err == nil {
		err = s.iterError(closed)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("leftovers: %w", err)
	}
	return partitions, objects, nil
}

// DropRange deletes all objects of partition p, and returns nil once the disk has it
// so. It fails with ErrHeld when this node holds a replica, and with ErrNoDocument
// when the partition's entry in the installed document is not the one of that change: what
// was proven to be held elsewhere was proven of that one.
//
// No object comes in meanwhile: what began while the partition was held has passed
// through the locks when Install returned, here once more, and the next Install waits.
func (s *Store) DropRange(ctx context.Context, p ring.Partition, changed uint64) error {
	lower, upper, err := s.rangeBounds(p)
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.gate.leave()
	if err := s.takeDropping(ctx); err != nil {
		return err
	}
	b := s.db.NewBatch()
	if err = s.mayDrop(p, changed); err == nil {
		err = b.DeleteRange(lower, upper, nil)
	}
	if err != nil {
		<-s.dropping
		return errors.Join(fmt.Errorf("drop partition %d: %w", p, err), b.Close())
	}
	// The token goes to who applies, and Install waits for it: not for this caller.
	if err := s.start(b, func() { <-s.dropping }, func() {}).Wait(ctx); err != nil {
		return fmt.Errorf("drop partition %d: %w", p, err)
	}
	return nil
}

// mayDrop says why a partition's objects stay. The caller has the dropping token.
func (s *Store) mayDrop(p ring.Partition, changed uint64) error {
	switch state := s.layout.Load().states[p].Load(); {
	case state.Held:
		return fmt.Errorf("%w, by document %d", ErrHeld, state.Document)
	case state.Entry.Changed != changed:
		return fmt.Errorf("%w: the entry was changed by %d, want %d", ErrNoDocument, state.Entry.Changed, changed)
	case state.Epochs.Fenced:
		return ErrFenced // it is set aside
	}
	return s.locks.pass(s.fault)
}

// takeDropping takes the token that keeps DropRange and Install apart.
func (s *Store) takeDropping(ctx context.Context) error {
	select {
	case s.dropping <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.fault.done:
		return s.fault.err()
	}
}

// rangeBounds are the first key of partition p, and the first above it.
func (s *Store) rangeBounds(p ring.Partition) (lower, upper []byte, err error) {
	l := s.layout.Load()
	if l == nil {
		return nil, nil, ErrNoDocument
	}
	if int(p) >= len(l.states) {
		return nil, nil, fmt.Errorf("partition %d of %d", p, len(l.states))
	}
	first, last := p.Range(len(l.states))
	return appendPosition(nil, sectionObject, first), keyAfter(sectionObject, last), nil
}
