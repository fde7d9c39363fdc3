package storage

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// fault is the store's failed mark. It is set once and never unset: a disk that
// lost a write is not to be trusted again before everything is read anew.
//
// Who acknowledges anything reads it first, after the sync: whatever told Pebble
// that all is well set the mark before it did.
type fault struct {
	once  sync.Once
	cause atomic.Pointer[error]
	done  chan struct{} // closed once the mark is set
}

func newFault() *fault { return &fault{done: make(chan struct{})} }

// fail sets the mark; only the first cause is kept. It reports whether it was
// the first.
func (f *fault) fail(cause error) (first bool) {
	f.once.Do(func() {
		first = true
		f.cause.Store(&cause)
		close(f.done)
	})
	return first
}

// failed reports whether the mark is set.
func (f *fault) failed() bool { return f.cause.Load() != nil }

// err is nil while the mark is not set, and then an error that matches ErrFailed
// and the cause.
func (f *fault) err() error {
	cause := f.cause.Load()
	if cause == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrFailed, *cause)
}
