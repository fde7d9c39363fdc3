package storage

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// slowDisk is when an operation of the disk is reported as slow: far above what
// a healthy disk needs, a spinning one under load included.
const slowDisk = 5 * time.Second

// damagedPause is how long a compaction waits that met a damaged block: Pebble would try
// again at once and for ever, and it cannot succeed before the block is rebuilt. That
// takes a moment where a replica answers; where none does, tables pile up meanwhile, and
// to try more often would only burn the processor.
const damagedPause = 10 * time.Second

// pebbleOptions says how Pebble runs. The figures suit one store of a node that
// shares a small machine with two others, and do not hurt a large one.
func (s *Store) pebbleOptions(cache *pebble.Cache) *pebble.Options {
	o := &pebble.Options{
		FS:    s.disk,
		Lock:  s.lock,
		Cache: cache,
		// The newest format of the Pebble that is compiled in: columnar blocks read
		// faster. A store is not opened by an older Henge anyway (format.go).
		FormatMajorVersion: pebble.FormatNewest,
		// A flush writes this much. Smaller makes more tables to compact; larger
		// holds more memory for each store and replays longer at a start.
		MemTableSize: uint64(s.options.MemTableBytes),
		// Four memtables queued before writes stall: a flush may fall behind a burst.
		MemTableStopWritesThreshold: 4,
		// Compact level 0 early, for a read looks into each of its sublevels; stop
		// writes late, for compaction catches up after a burst.
		L0CompactionThreshold: 2,
		L0StopWritesThreshold: 20,
		// The base level is as large as a few flushes.
		LBaseMaxBytes: 4 * s.options.MemTableBytes,
		// One compaction usually, two under debt: requests need the other core.
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		// Tables on a spinning disk or a shared one are written out bit by bit.
		BytesPerSync:    512 << 10,
		MaxOpenFiles:    1000,
		Logger:          s.logger,
		EventListener:   s.events(),
		NumPrevManifest: 1,
	}
	o.TargetFileSizes[0] = 4 << 20 // with 16 MiB memtables a flush makes a few tables
	level := &o.Levels[0]          // the others inherit
	// 16 KiB blocks compress better than 4; an uncached read decompresses one.
	level.BlockSize = 16 << 10
	level.IndexBlockSize = 128 << 10
	// 10 bits a key make one read in a hundred of an absent key touch a table in
	// vain. The first write of every key reads an absent one.
	level.FilterPolicy = bloom.FilterPolicy(10)
	return o
}

// events is what Pebble tells of, as far as it matters. The default for a
// damaged block would be Fatalf: a block is no reason to lose a node.
func (s *Store) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			s.counters.backgroundErrors.Add(1)
			s.warn("background work of the store met an error", err)
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			s.counters.corruptions.Add(1)
			s.warn("a table of the store is damaged", fmt.Errorf("%s: %w", info.Path, info.Details))
			s.damagedTable(info)
			if s.disk.opened.Load() && !onOwnGoroutine() {
				s.disk.pause(damagedPause)
			}
		},
		DiskSlow: s.slow,
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			s.counters.stalls.Add(1)
			s.warn("writes wait for the disk", errors.New(info.Reason))
		},
	}
}

// slow hears of operations that the disk has not finished after slowDisk.
func (s *Store) slow(info vfs.DiskSlowInfo) {
	s.counters.slowDisk.Add(1)
	s.warn("the disk is slow", errors.New(info.String()))
}

// warn logs err, at most once a second for each message.
func (s *Store) warn(message string, err error) {
	if held, ok := s.limit.allow(message); ok {
		//nolint:sloglint // the messages are constants of this package, one a caller
		s.options.Logger.Warn(message, "error", err, "held_back", held)
	}
}
