package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// A scan reads pages and holds no iterator while its caller works: an iterator
// keeps obsolete tables on the disk. A page ends after so many records or bytes,
// whatever comes first: enough to make the seek cheap, little enough to hold.
const (
	pageRecords = 256
	pageBytes   = 1 << 20
)

// pageLimits bound a page. Its first record is always in it, however large it is.
type pageLimits struct{ records, bytes int }

// full reports whether a page of so many records and bytes takes no more, next of
// them.
func (l pageLimits) full(records, bytes, next int) bool {
	return records > 0 && (records >= l.records || bytes+next > l.bytes)
}

// Record is one key of a scan, with what the store holds of it.
type Record struct {
	Key      Key
	Position ring.Position
	Object   *causal.Object
}

// HintRecord is one key of a scan of the hints.
type HintRecord struct {
	Key      Key
	Position ring.Position
	Hint     *Hint
}

// ScanFrom is where a scan begins: at the first key at or above Position; or, when
// Key is not zero, right after that key, wherever Position is.
type ScanFrom struct {
	Position ring.Position
	Key      Key
}

// bound is the first key in section s that the scan may yield.
func (f ScanFrom) bound(s section) []byte {
	if f.Key == (Key{}) {
		return appendPosition(nil, s, f.Position)
	}
	return append(appendKey(nil, s, f.Key.Position(), f.Key), 0)
}

// Scan yields the objects from from up to and with position last, in ring order,
// each key at most once. It is no snapshot: each record is as of the moment its
// page was read. The records are the caller's. What lies in fenced partitions is left
// out. A scan that cannot go on yields an error and ends; ErrCorrupt when a block is
// damaged.
func (s *Store) Scan(ctx context.Context, from ScanFrom, last ring.Position) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for p := range s.pages(ctx, sectionObject, from.bound(sectionObject), last) {
			r := Record{Key: p.key, Position: p.pos}
			err := p.err
			if err == nil {
				r.Object, err = s.decodeObject(p.key.Bucket, p.value, p.epoch)
				err = s.scanError(p, err)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// Hints yields the hints after the given key, all of them when it is nil, in ring
// order. It is otherwise like Scan.
func (s *Store) Hints(ctx context.Context, after *Key) iter.Seq2[HintRecord, error] {
	var from ScanFrom
	if after != nil {
		from.Key = *after
	}
	return func(yield func(HintRecord, error) bool) {
		for p := range s.pages(ctx, sectionHint, from.bound(sectionHint), ^ring.Position(0)) {
			r := HintRecord{Key: p.key, Position: p.pos}
			err := p.err
			if err == nil {
				r.Hint, err = s.decodeHint(p.key.Bucket, p.value, p.epoch)
				err = s.scanError(p, err)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// scanError makes of a value that cannot be decoded a corruption of its key.
func (s *Store) scanError(p pair, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("scan at %q in bucket %q: %w", p.key.Key, p.key.Bucket, s.corrupt(p.pos, p.key, err))
}

// pair is a key and its bytes, or why there are none.
type pair struct {
	key   Key
	pos   ring.Position
	value []byte
	epoch causal.Epoch // raised before the page was read
	err   error
}

// pages yields the pairs of section in from bound lower up to position last; it
// ends after an error.
func (s *Store) pages(ctx context.Context, in section, lower []byte, last ring.Position) iter.Seq[pair] {
	upper := keyAfter(in, last)
	return func(yield func(pair) bool) {
		for lower != nil {
			var page []pair
			var err error
			page, lower, err = s.page(ctx, in, lower, upper, pageLimits{pageRecords, pageBytes})
			for _, p := range page {
				if s.stateOf(p.pos).fenced() {
					continue
				}
				if !yield(p) {
					return
				}
			}
			if err != nil {
				yield(pair{err: fmt.Errorf("scan: %w", err)})
				return
			}
		}
	}
}

// page reads what lies between lower and upper, as far as a page of these limits
// goes. next is where the next page begins, nil when there is none.
func (s *Store) page(ctx context.Context, in section, lower, upper []byte, limits pageLimits) (page []pair, next []byte, err error) {
	if err := s.begin(); err != nil {
		return nil, nil, err
	}
	defer s.gate.leave()
	s.counters.pages.Add(1)
	raised := s.raisedEpochs()
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, nil, s.iterError(err) // it has read no block yet
	}
	size := 0
	for ok := it.First(); ok; ok = it.Next() {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
			break
		}
		p := s.pair(in, it)
		if p.err != nil {
			err = p.err
			break
		}
		if limits.full(len(page), size, len(p.value)) {
			next = append([]byte(nil), it.Key()...)
			break
		}
		size += len(p.value)
		p.epoch = raised.of(p.pos)
		page = append(page, p)
	}
	if err == nil {
		err = s.iterError(it.Error())
	}
	if closed := it.Close(); err == nil {
		err = s.iterError(closed)
	}
	if errors.Is(err, ErrCorrupt) {
		s.endUnread(lower, upper, page)
	}
	return page, next, err
}

// endUnread ends the actors of what a page between lower and upper did not get
// to read: the damaged block can hold any of it.
func (s *Store) endUnread(lower, upper []byte, page []pair) {
	s.counters.corruptReads.Add(1)
	first := ring.Position(binary.BigEndian.Uint64(lower[1:]))
	if n := len(page); n > 0 {
		first = page[n-1].pos
	}
	last := ^ring.Position(0)
	if len(upper) > 1 {
		last = ring.Position(binary.BigEndian.Uint64(upper[1:])) - 1
	}
	s.endHoldings(first, last)
	if lower[0] == byte(sectionHint) {
		s.hintActors.clear()
	}
}

// pair copies what it stands on.
func (s *Store) pair(in section, it *pebble.Iterator) pair {
	value, err := it.ValueAndErr()
	if err != nil {
		return pair{err: s.iterError(err)}
	}
	pos, k, err := parseKey(it.Key(), in)
	if err != nil {
		return pair{err: err}
	}
	return pair{key: k, pos: pos, value: append(make([]byte, 0, len(value)), value...)}
}

// iterError turns what an iterator met into the store's words.
func (s *Store) iterError(err error) error {
	if err == nil {
		return s.fault.err()
	}
	if isCorruption(err) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
