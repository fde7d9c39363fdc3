package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// sinceShift drops the low bits of a stamp: hints are counted by when they began
// in steps of 8.2 s, which is exact enough for an age and keeps the table small.
const sinceShift = 16 + 13

// HintStats is what a node owes to others.
type HintStats struct {
	Count    int64
	ByTarget map[ring.NodeID]int64 // hints that name the node, noted or not
	Oldest   causal.Stamp          // when the oldest began, exact to 8.2 s; 0 without hints
}

// hintTable counts the hints that are applied. It is in memory and exact.
type hintTable struct {
	mu       sync.Mutex
	count    int64
	byTarget map[ring.NodeID]int64
	bySince  map[causal.Stamp]int64
}

func newHintTable() *hintTable {
	return &hintTable{byTarget: map[ring.NodeID]int64{}, bySince: map[causal.Stamp]int64{}}
}

// clear begins anew.
func (t *hintTable) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count = 0
	clear(t.byTarget)
	clear(t.bySince)
}

// replace counts that a key's hint was old and is now; nil is none.
func (t *hintTable) replace(old, now *Hint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addLocked(old, -1)
	t.addLocked(now, 1)
}

func (t *hintTable) addLocked(h *Hint, n int64) {
	if h == nil {
		return
	}
	t.count += n
	bump(t.bySince, h.Since>>sinceShift, n)
	for _, id := range h.Targets {
		bump(t.byTarget, id, n)
	}
}

// bump adds n to m[k] and drops what is zero.
func bump[K comparable](m map[K]int64, k K, n int64) {
	if m[k] += n; m[k] == 0 {
		delete(m, k)
	}
}

// HintStats tells what this node owes, as of the last applied write.
func (s *Store) HintStats() HintStats {
	t := s.hints
	t.mu.Lock()
	defer t.mu.Unlock()
	stats := HintStats{Count: t.count, ByTarget: maps.Clone(t.byTarget)}
	first := true
	for since := range t.bySince {
		if first || since<<sinceShift < stats.Oldest {
			stats.Oldest, first = since<<sinceShift, false
		}
	}
	return stats
}

// countHints counts the hints at the start. Those behind a damaged block are counted when
// it is mended.
func (s *Store) countHints() error {
	it, err := s.hintIter(context.Background())
	if err == nil {
		err = s.addHints(it)
	}
	if errors.Is(err, ErrCorrupt) {
		s.warn("some hints cannot be read", err)
		err = nil
	}
	return err
}

// recountHints counts them anew, while they change: what is on the disk at one moment,
// and what has changed since.
func (s *Store) recountHints(ctx context.Context) error {
	it, err := s.hintsNow(ctx)
	if err == nil {
		err = s.addHints(it)
	}
	return err
}

// hintsNow begins the counts with nothing, and opens an iterator over the hints as they
// are at that moment.
func (s *Store) hintsNow(ctx context.Context) (*pebble.Iterator, error) {
	held := 0
	defer func() {
		for i := range held {
			s.locks.unlock(ring.Segment(i)) //nolint:gosec // at most 1,023
		}
	}()
	for ; held < len(s.locks); held++ {
		if err := s.locks.lock(ctx, ring.Segment(held), s.fault); err != nil { //nolint:gosec // as above
			return nil, err
		}
	}
	it, err := s.hintIter(ctx)
	if err == nil {
		s.hints.clear()
	}
	return it, err
}

func (s *Store) hintIter(ctx context.Context) (*pebble.Iterator, error) {
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: []byte{byte(sectionHint)}, UpperBound: []byte{byte(sectionHint) + 1},
	})
	return it, s.iterError(err)
}

// addHints counts the hints under an iterator, and closes it.
func (s *Store) addHints(it *pebble.Iterator) (err error) {
	for ok := it.First(); ok; ok = it.Next() {
		var value []byte
		if value, err = it.ValueAndErr(); err != nil {
			break
		}
		var h *Hint
		if h, _, err = decodeHintHead(value); err != nil {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
			if pos, k, bad := parseKey(it.Key(), sectionHint); bad == nil {
				s.damagedKey(pos, k, err)
			}
			break
		}
		s.hints.replace(nil, h)
	}
	if err == nil {
		err = s.iterError(it.Error())
	}
	if closed := it.Close(); err == nil {
		err = closed
	}
	if !errors.Is(err, ErrCorrupt) {
		err = s.iterError(err)
	}
	if err != nil {
		return fmt.Errorf("count the hints: %w", err)
	}
	return nil
}
