package storage

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// clockBound keeps the bound of the hybrid clock on disk ahead of its use, so
// that no start begins before a stamp that an earlier one gave or showed.
type clockBound struct {
	mu      sync.Mutex
	running chan struct{} // closed when the save under way ends; nil when none is
}

// Now is the node's hybrid clock: it never runs back, across restarts either.
func (s *Store) Now() causal.Stamp {
	now := s.hybrid.Now()
	if _, short := s.hybrid.Short(); short && s.gate.enter() {
		s.extend()
		s.gate.leave()
	}
	return now
}

// openClock starts the clock at the bound that the last start left, and moves
// the bound.
func (s *Store) openClock(ctx context.Context) error {
	saved, err := s.metaNumber(metaClock)
	if err != nil {
		return err
	}
	s.hybrid = clock.NewHybrid(s.options.Clock, causal.Stamp(saved))
	return s.saveBound(ctx)
}

// AwaitClock returns once the hybrid clock shows the time again: one that nobody
// asked for longer than its bound reaches stands still until the disk holds a new
// one. Who compares Now with a time of its own calls this first.
func (s *Store) AwaitClock(ctx context.Context) error {
	if !s.hybrid.Spent() {
		return nil
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.gate.leave()
	ctx, cancel := clock.WithTimeout(ctx, s.options.Clock, clockPatience)
	defer cancel()
	err := s.reserve(ctx)
	if st := s.space.state.Load(); err != nil && st.Level == SpaceFull {
		return fmt.Errorf("%w: %d bytes are free, and the clock's bound cannot be moved: %w", ErrFull, st.Free, err)
	}
	return err
}

// clockPatience bounds AwaitClock: a disk that takes longer than a whole request may
// is no use to one.
const clockPatience = time.Second

// reserve makes sure that stamps can be minted, before a lock is taken: under the
// lock nothing waits for the disk. Usually the bound is far, or moved in time
// while others still mint below it; only a clock that jumped makes anybody wait.
// The caller is inside the gate.
func (s *Store) reserve(ctx context.Context) error {
	if _, short := s.hybrid.Short(); !short {
		return nil
	}
	for s.hybrid.Spent() {
		select {
		case <-s.extend():
		case <-s.fault.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := s.fault.err(); err != nil {
			return err
		}
	}
	s.extend()
	return nil
}

// extend begins to move the bound, unless that is under way, and returns what is
// closed when it ends. The caller is inside the gate.
func (s *Store) extend() <-chan struct{} {
	s.bound.mu.Lock()
	defer s.bound.mu.Unlock()
	if s.bound.running != nil {
		return s.bound.running
	}
	done := make(chan struct{})
	s.bound.running = done
	s.gate.again()
	go func() {
		defer s.gate.leave()
		if err := s.saveBound(context.Background()); err != nil {
			s.warn("the clock's bound cannot be saved", err)
		}
		s.bound.mu.Lock()
		defer s.bound.mu.Unlock()
		s.bound.running = nil
		close(done)
	}()
	return done
}

// saveBound moves the bound as far ahead as the clock asks for, and tells the
// clock once it is synced.
func (s *Store) saveBound(ctx context.Context) error {
	bound, _ := s.hybrid.Short()
	s.counters.clockReserves.Add(1)
	if err := s.putNumber(ctx, metaClock, uint64(bound)); err != nil {
		return err
	}
	s.hybrid.Extend(bound)
	return nil
}
