package storage

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/crew"
)

// Open opens the store in dir, or makes one there. It fails with ErrLocked when
// another open store uses dir, and with ErrFormat when a newer Henge wrote it.
func Open(dir string, o Options) (*Store, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("store options: %w", err)
	}
	s := &Store{
		dir: dir, options: o,
		gate: newGate(), committers: crew.Crew{Idle: idleCommitters}, fault: newFault(), limit: newLimit(o.Clock), locks: newSegmentLocks(), hints: newHintTable(),
		damages: newDamages(), records: newRecords(), rebuilding: make(chan struct{}, 1),
		hintActors: &hintActors{order: list.New(), byKey: map[Key]*list.Element{}},
		drift:      drift{base: o.Clock.Now()}, binding: make(chan struct{}, 1),
		dropping: make(chan struct{}, 1), building: make(chan struct{}, 1), epoching: make(chan struct{}, 1),
		asiding: make(chan struct{}, 1),
	}
	for _, step := range []func() error{s.openDir, s.openPebble, s.openRecords, s.countHints} {
		if err := step(); err != nil {
			s.gate.close()
			return nil, fmt.Errorf("open store in %s: %w", dir, errors.Join(err, s.release()))
		}
	}
	s.space.start()
	return s, nil
}

// openDir makes the directory, locks it, and looks at what is there, without
// touching any of it.
func (s *Store) openDir() error {
	s.fs = s.options.FS
	if s.fs == nil {
		s.fs, s.health = vfs.WithDiskHealthChecks(vfs.Default, slowDisk, nil, s.slow)
	}
	inner := s.fs.PathJoin(s.dir, pebbleDir)
	if err := makeDirs(s.fs, inner); err != nil {
		return err
	}
	lock, err := pebble.LockDirectory(inner, s.fs)
	var noFile *fs.PathError
	switch {
	case errors.As(err, &noFile):
		return err
	case err != nil:
		return fmt.Errorf("%w: another store, here or in another process, has it open: %w", ErrLocked, err)
	}
	s.lock = lock
	if err := checkFormat(s.fs, s.dir); err != nil {
		return err
	}
	s.space, err = newSpace(s)
	return err
}

// openPebble opens the database behind the disk that keeps failures from it.
func (s *Store) openPebble() error {
	s.disk = &disk{
		FS:    vfs.OnDiskFull(s.fs, s.space.ballast.drop),
		fault: s.fault, clock: s.options.Clock, onFail: s.fail,
		onFull: func(err error) { s.warn("the log waits for room on the disk", err) },
		frozen: newOnce(), parked: newOnce(), closing: make(chan struct{}),
	}
	s.logger = &pebbleLogger{log: s.options.Logger, limit: s.limit, onFail: s.fail, park: s.disk.parkForever}
	s.cache = pebble.NewCache(s.options.CacheBytes)
	opened := make(chan struct{})
	var db *pebble.DB
	var failure error
	go func() {
		defer close(opened)
		db, failure = pebble.Open(s.fs.PathJoin(s.dir, pebbleDir), s.pebbleOptions(s.cache))
	}()
	if !s.await(opened) {
		s.stuck = true // in pebble.Open, for the flush that it began has failed
		return s.fault.err()
	}
	if failure != nil {
		return failure
	}
	s.db = db
	s.disk.opened.Store(true)
	return s.fault.err()
}

// openRecords reads the node's id, or draws it, and counts this start.
func (s *Store) openRecords() error {
	if err := s.loadRecords(); err != nil {
		return err
	}
	id, err := s.metaNumber(metaNode)
	if err != nil {
		return err
	}
	for id == 0 {
		id = s.options.Rand()
	}
	starts, err := s.metaNumber(metaStarts)
	if err != nil {
		return err
	}
	stopped, err := s.metaNumber(metaStopped)
	if err != nil {
		return err
	}
	if s.unclean = stopped != starts; s.unclean {
		s.options.Logger.Warn("the last stop was not a clean one: what was not on the disk by then is lost here, and comes from the other replicas", "dir", s.dir)
	}
	starts++
	s.starts = starts
	s.nodeID, s.salt = ring.NodeID(id), mix(id)^mix(starts)

	ctx := context.Background()
	if err := errors.Join(s.putNumber(ctx, metaNode, id), s.putNumber(ctx, metaStarts, starts)); err != nil {
		return err
	}
	return s.openClock(ctx)
}
