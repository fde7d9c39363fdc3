package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// failedWait is how long Close waits for a store that failed: what can still end
// does so at once.
const failedWait = time.Second

// Close waits for the calls under way, syncs, and gives the directory free. It
// leaves no goroutine behind, unless the disk failed: then it waits a second at
// most, and returns an error that matches ErrFailed and says what is left. A
// second Close returns ErrClosed.
func (s *Store) Close() error {
	if !s.gate.close() {
		return ErrClosed
	}
	if err := s.release(); err != nil {
		return fmt.Errorf("close store in %s: %w", s.dir, err)
	}
	return nil
}

// release gives back what Open took, in reverse order, as far as it came.
func (s *Store) release() error {
	var errs []error
	if s.disk != nil {
		close(s.disk.closing)
	}
	if s.space != nil {
		s.space.stop()
	}
	ended := !s.stuck
	if s.db != nil {
		ended = s.releasePebble(&errs)
	}
	if ended {
		s.committers.Close()
	} else {
		s.committers.Dismiss()
	}
	if s.cache != nil && ended {
		s.cache.Unref()
	}
	if s.lock != nil {
		errs = append(errs, s.releaseLock(ended))
	}
	if s.health != nil && ended {
		errs = append(errs, s.health.Close())
	}
	return errors.Join(append(errs, s.fault.err())...)
}

// releasePebble waits for the users and closes the database. A failed one is
// closed too, for its memory and goroutines: its disk lets nothing through any
// more. But its users may never come back, nor may Pebble's Close: then both are
// left as they are, and ended is false.
func (s *Store) releasePebble(errs *[]error) (ended bool) {
	if s.await(s.gate.drained.done) {
		closed := make(chan struct{})
		var err error
		go func() {
			defer close(closed)
			err = s.closePebble()
		}()
		if s.await(closed) {
			*errs = append(*errs, err)
			return true
		}
	}
	*errs = append(*errs, errors.New("the failed disk still holds goroutines of the store; they are left behind"))
	return false
}

// closePebble closes the database. Of a failed one a panic may come.
func (s *Store) closePebble() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pebble panicked: %v", r)
		}
	}()
	if s.starts > 0 && !s.fault.failed() {
		err = s.db.Set(metaKey(metaStopped), binary.BigEndian.AppendUint64(nil, s.starts), pebble.Sync)
	}
	return errors.Join(err, s.db.Close())
}

// await waits for done; once the store failed, only as long as there is hope.
func (s *Store) await(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-s.fault.done:
	}
	limit, stop := s.after(failedWait)
	defer stop()
	select {
	case <-done:
		return true
	case <-s.disk.parked.done:
	case <-limit:
	}
	return false
}

// after returns a channel that is closed once d has passed.
func (s *Store) after(d time.Duration) (passed <-chan struct{}, stop func() bool) {
	limit := make(chan struct{})
	return limit, s.options.Clock.AfterFunc(d, func() { close(limit) }).Stop
}

// releaseLock gives the directory free, unless an operation of a failed store
// may still change what is in it.
func (s *Store) releaseLock(ended bool) error {
	if ended {
		return s.lock.Close()
	}
	if s.disk.enter() { // if the last operation left before the mark was set
		s.disk.leave()
	}
	limit, stop := s.after(failedWait)
	defer stop()
	select {
	case <-s.disk.frozen.done:
		// Pebble holds the lock a second time and does not let go of it.
		return errors.Join(s.lock.Close(), s.lock.Close())
	case <-limit:
		return errors.New("the directory stays locked: an operation of the failed disk is still under way")
	}
}
