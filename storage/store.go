package storage

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
	"github.com/hengedb/henge/storage/crew"
)

// Store keeps what one node holds: objects, hints for others, and a few records.
// All methods may be called at once. After Close they answer ErrClosed, after the
// disk failed ErrFailed.
type Store struct {
	dir     string
	options Options
	fs      vfs.FS // below disk
	disk    *disk
	lock    *pebble.Lock
	cache   *pebble.Cache
	health  io.Closer // of the watch on a slow disk; nil when there is none
	db      *pebble.DB
	stuck   bool // Open gave up on pebble.Open, which still runs

	gate     *gate
	fault    *fault
	limit    *limit
	logger   *pebbleLogger
	counters counters

	nodeID     ring.NodeID
	starts     uint64
	unclean    bool // the last start did not end with a Close
	locks      *segmentLocks
	committers crew.Crew
	barriers   barriers
	hints      *hintTable
	damages    *damages
	records    records
	hintActors *hintActors
	space      *space
	hybrid     *clock.Hybrid
	bound      clockBound
	drift      drift
	binding    chan struct{} // a token: one BindCluster at a time
	dropping   chan struct{} // a token: one Install or DropRange at a time
	building   chan struct{} // a token: one BuildTree at a time
	epoching   chan struct{} // a token: one ChangeEpochs at a time
	rebuilding chan struct{} // a token: one Rebuild at a time
	asiding    chan struct{} // a token: one change of what is set aside at a time

	layoutMu sync.Mutex // for swapping states; readers take none
	layout   atomic.Pointer[layout]
	raised   atomic.Pointer[raisedEpochs]
	forced   atomic.Pointer[ring.Document] // the installed document, when it was ever forced

	randMu sync.Mutex
	salt   uint64 // of this start
	draws  uint64
}

// begin lets a caller in, who then calls gate.leave. It fails when the store is
// closed or failed.
func (s *Store) begin() error {
	if !s.gate.enter() {
		return ErrClosed
	}
	if err := s.fault.err(); err != nil {
		s.gate.leave()
		return err
	}
	return nil
}

// fail sets the failed mark.
func (s *Store) fail(cause error) {
	if s.fault.fail(cause) {
		s.options.Logger.Error("the store failed; the process must be started again", "dir", s.dir, "error", cause)
	}
}

// Unclean reports whether the start before this one ended without a Close: with a crash,
// or a disk that failed.
func (s *Store) Unclean() bool { return s.unclean }

// Failed is nil while the store works, and then an error that matches ErrFailed
// and says why it does not.
func (s *Store) Failed() error { return s.fault.err() }

// Broken is closed once the store failed.
func (s *Store) Broken() <-chan struct{} { return s.fault.done }

// checkClocks ends all actors when wall and monotonic time have come apart: the
// machine was suspended, or a copy of it runs elsewhere (R1).
func (s *Store) checkClocks() {
	if s.drift.jumped(s.options.Clock.Now()) {
		s.counters.actorsEnded.Add(1)
		s.warn("wall and monotonic clock came apart; all actors are replaced", fmt.Errorf("by more than %v", clockGap))
		s.endActors()
	}
}
