package storage

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/cockroachdb/pebble/v2"
)

// Commit is a change that other readers of this store can see, and that a crash
// may still undo. Nothing may be told to anybody on its strength before Wait
// returned nil. A Commit that nobody waits for leaks nothing.
type Commit struct {
	store   *Store
	applied chan struct{} // nil when there was nothing to change; closed when applied is decided
	synced  chan struct{} // closed when all is decided
	err     error         // of applying; read after applied
	syncErr error         // read after synced
}

// Changed reports whether the store holds anything else than before.
func (c *Commit) Changed() bool { return c.applied != nil }

// Wait returns nil once the disk holds the state that the write left, whether
// the write changed it or found it so: in the latter case a sync that began
// after the state was read covers it. An error that matches ErrFailed says that
// the disk may or may not hold it; the end of ctx, which gives its cause, says
// nothing at all.
func (c *Commit) Wait(ctx context.Context) error {
	if c.applied == nil {
		return c.store.Barrier(ctx)
	}
	select {
	case <-c.synced:
	case <-c.store.fault.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := c.store.fault.err(); err != nil {
		return err
	}
	return c.syncErr
}

// idleCommitters is how many goroutines of a store wait for a commit.
const idleCommitters = 64

// start applies b on a goroutine beside the caller's, since Pebble holds up a writer for
// as long as the disk holds up Pebble, and lets no one take it back. The goroutine owns
// the lock of segment from now on, runs after while it still has it, and ends
// when the disk has synced b. The caller is inside the gate.
func (s *Store) start(b *pebble.Batch, release func(), after func()) *Commit {
	c := &Commit{store: s, applied: make(chan struct{}), synced: make(chan struct{})}
	s.gate.again()
	s.committers.Go(func() {
		defer s.gate.leave()
		c.run(b, release, after)
	})
	return c
}

// run is the goroutine of a commit.
func (c *Commit) run(b *pebble.Batch, release func(), after func()) {
	c.err = c.store.apply(b)
	if c.err == nil {
		after()
	}
	release()
	close(c.applied)
	c.syncErr = c.err
	if c.err == nil {
		c.syncErr = c.store.syncWait(b)
	}
	close(c.synced)
}

// visible waits until the change is applied.
func (c *Commit) visible(ctx context.Context) error {
	select {
	case <-c.applied:
		return c.err
	case <-c.store.fault.done:
		return c.store.fault.err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// apply hands b to Pebble: when it returns nil readers see it, and a sync of the
// log is on its way. The failed mark is read after Pebble returned, for Pebble
// reports a failed commit as done when Fatalf returns. A panic of Pebble's leaves
// it locked up: that is a failure too, and no reason to end the process.
func (s *Store) apply(b *pebble.Batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.fail(fmt.Errorf("pebble panicked: %v\n%s", r, debug.Stack()))
			err = s.fault.err()
		}
	}()
	if err := s.fault.err(); err != nil {
		return err
	}
	s.counters.commits.Add(1)
	s.space.wrote(b.Len())
	err = s.db.ApplyNoSyncWait(b, pebble.Sync)
	if failed := s.fault.err(); failed != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	return nil
}

// syncWait waits for the sync that covers b, and releases b. Its nil is not enough
// for an acknowledgement: who gives one reads the failed mark first.
func (s *Store) syncWait(b *pebble.Batch) error {
	if err := b.SyncWait(); err != nil {
		s.fail(fmt.Errorf("sync of the log: %w", err))
		return s.fault.err()
	}
	return b.Close()
}
