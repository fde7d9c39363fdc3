package storage

import (
	"context"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// barriers are the syncs that vouch for what was read. Callers share the one
// that has not begun yet: what each of them read was read before.
type barriers struct {
	mu   sync.Mutex
	next *barrier // nil when none waits to begin
}

// barrier is one record in the log that says nothing, with a sync.
type barrier struct {
	done chan struct{}
	err  error // read after done
}

// Barrier returns nil once a sync of the log that began after the call covers
// all that was applied before it. What a node read and tells others as held, or
// as no longer held, is told after a barrier. It fails as Commit.Wait does.
//
// An empty batch would sync nothing: Pebble answers it at once. So the barrier
// is a record that reaches the log only.
func (s *Store) Barrier(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.gate.leave()
	s.counters.barriers.Add(1)
	b := s.joinBarrier()
	select {
	case <-b.done:
	case <-s.fault.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := s.fault.err(); err != nil {
		return err
	}
	return b.err
}

// joinBarrier returns the barrier that has not begun, and starts one when there
// is none. It does not wait for the one before: the log syncs them in order, and
// together where it can.
func (s *Store) joinBarrier() *barrier {
	s.barriers.mu.Lock()
	defer s.barriers.mu.Unlock()
	if b := s.barriers.next; b != nil {
		return b
	}
	b := &barrier{done: make(chan struct{})}
	s.barriers.next = b
	s.gate.again()
	go func() {
		defer s.gate.leave()
		s.runBarrier(b)
	}()
	return b
}

// runBarrier lets nobody join b any more, and then syncs.
func (s *Store) runBarrier(b *barrier) {
	s.barriers.mu.Lock()
	s.barriers.next = nil
	s.barriers.mu.Unlock()

	s.counters.barrierSyncs.Add(1)
	batch := s.db.NewBatch()
	b.err = batch.LogData([]byte{0}, nil)
	if b.err == nil {
		b.err = s.applyAndSync(batch)
	}
	close(b.done)
}

// applyAndSync applies batch and waits for its sync.
func (s *Store) applyAndSync(batch *pebble.Batch) error {
	if err := s.apply(batch); err != nil {
		return err
	}
	return s.syncWait(batch)
}
