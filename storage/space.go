package storage

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/storage/clock"
)

// SpaceLevel is how short the disk is of room.
type SpaceLevel int32

// The levels.
const (
	SpaceOK   SpaceLevel = iota
	SpaceLow             // client puts and new hints are refused
	SpaceFull            // only what frees space, and records beside the objects, is written
)

// String names the level.
func (l SpaceLevel) String() string { return [...]string{"ok", "low", "full"}[l] }

// SpaceState is the disk's room as of the last look.
type SpaceState struct {
	Level       SpaceLevel
	Known       bool // false: the file system cannot tell, and the level is always SpaceOK
	Free, Total uint64
	Low, Full   uint64 // the marks, in free bytes
}

const (
	// spaceInterval between two looks at the disk. A look costs microseconds; in a
	// second even a fast disk writes less than lies between the marks, and
	// spaceBytes looks after a burst.
	spaceInterval = time.Second
	// spaceBytes written make for a look before its time.
	spaceBytes = 32 << 20
)

// space watches the disk's room. A look is made by a timer that sets itself
// again; there is no goroutine between looks.
type space struct {
	look    func() (free, total uint64, err error)
	options *Options
	ballast *ballast
	warn    func(message string, err error)

	state   atomic.Pointer[SpaceState]
	written atomic.Int64 // bytes since the last look

	mu      chan struct{} // holds a token while a look is under way
	stopped bool          // guarded by mu
	timer   clock.Timer   // guarded by mu
}

// errNoRoom is what the log says when a mark is passed.
var errNoRoom = errors.New("free space is below a mark")

// newSpace looks once, and finds out whether there is anything to watch.
func newSpace(s *Store) (*space, error) {
	w := &space{options: &s.options, warn: s.warn, mu: make(chan struct{}, 1)}
	w.state.Store(&SpaceState{})
	w.look = func() (uint64, uint64, error) { return s.options.Space(s.dir) }
	size := s.options.BallastBytes
	if s.options.Space == nil {
		w.look = func() (uint64, uint64, error) {
			usage, err := s.fs.GetDiskUsage(s.dir)
			return usage.AvailBytes, usage.TotalBytes, err
		}
		if size == 0 {
			size = DefaultBallast
		}
	}
	if size > 0 {
		w.ballast = &ballast{fs: s.fs, path: s.fs.PathJoin(s.dir, ballastFile), size: size, warn: s.warn}
		w.ballast.find()
	}
	free, total, err := w.look()
	if errors.Is(err, vfs.ErrUnsupported) {
		return w, nil
	}
	if err != nil {
		return nil, fmt.Errorf("free space of %s: %w", s.dir, err)
	}
	w.state.Store(w.judge(free, total))
	return w, nil
}

// judge measures free against the marks.
func (w *space) judge(free, total uint64) *SpaceState {
	st := &SpaceState{Known: true, Free: free, Total: total, Low: w.options.LowWater, Full: w.options.FullWater}
	if st.Low == 0 {
		st.Low = min(DefaultLowWater, total/smallDiskShare)
		st.Low = max(st.Low, st.Full)
	}
	if st.Full == 0 {
		st.Full = min(DefaultFullWater, st.Low/4)
	}
	switch {
	case free < st.Full:
		st.Level = SpaceFull
	case free < st.Low:
		st.Level = SpaceLow
	}
	return st
}

// start begins to watch, when there is anything to see.
func (w *space) start() {
	if w.state.Load().Known {
		w.again(0)
	}
}

// again looks after d, unless the store is closing.
func (w *space) again(d time.Duration) {
	w.mu <- struct{}{}
	defer func() { <-w.mu }()
	w.armLocked(d)
}

// armLocked sets the timer to d; the caller holds mu.
func (w *space) armLocked(d time.Duration) {
	if w.stopped {
		return
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.timer = w.options.Clock.AfterFunc(d, w.tick)
}

// tick is one look, and what follows from it.
func (w *space) tick() {
	if w.refresh() {
		w.again(spaceInterval)
	}
}

// refresh looks and judges; it reports false when the store is closing.
func (w *space) refresh() bool {
	w.mu <- struct{}{}
	defer func() { <-w.mu }()
	if w.stopped {
		return false
	}
	w.written.Store(0)
	free, total, err := w.look()
	if err != nil {
		w.warn("the free space cannot be told", err)
		return true
	}
	st := w.judge(free, total)
	if st.Level != SpaceOK {
		w.warn("the disk is short of room", fmt.Errorf("%w: %d bytes are free, marks at %d and %d", errNoRoom, free, st.Low, st.Full))
	}
	w.state.Store(st)
	w.ballast.adjust(st)
	return true
}

// wrote counts bytes on their way to the disk, and brings the next look forward
// when they are many.
func (w *space) wrote(n int) {
	st := w.state.Load()
	if !st.Known {
		return
	}
	// A small disk has its marks close together: a burst must not jump over both.
	often := min(spaceBytes, int64(st.Low/4)) //nolint:gosec // a disk's size fits
	if total := w.written.Add(int64(n)); total < often || total-int64(n) >= often {
		return
	}
	select {
	case w.mu <- struct{}{}:
		w.armLocked(0)
		<-w.mu
	default: // a look is under way
	}
}

// stop ends the watch; no look is under way when it returns.
func (w *space) stop() {
	w.mu <- struct{}{}
	defer func() { <-w.mu }()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// Space tells how much room the disk has.
func (s *Store) Space() SpaceState { return *s.space.state.Load() }

// admit refuses a change that the disk has no room for. What makes the store
// smaller is never refused.
func (s *Store) admit(kind WriteKind, grown int, newHint bool) error {
	st := s.space.state.Load()
	switch {
	case st.Level == SpaceOK, grown <= 0:
		return nil
	case st.Level == SpaceLow && kind != KindPut && !newHint:
		return nil
	}
	s.counters.refused.Add(1)
	return fmt.Errorf("%w: %d bytes are free, the mark is at %d", ErrFull, st.Free, st.Low)
}
