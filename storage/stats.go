package storage

import (
	"context"
	"sync/atomic"
)

// counters count what the store did since it was opened.
type counters struct {
	reads, writes, pages                              atomic.Uint64
	commits, barriers, barrierSyncs, refused          atomic.Uint64
	actorAlarms, actorsEnded                          atomic.Uint64
	corruptions, corruptReads, wrongLeaves            atomic.Uint64
	backgroundErrors, slowDisk, stalls, clockReserves atomic.Uint64
}

// Counters is what a store did since it was opened.
type Counters struct {
	Reads            uint64 // objects and hints looked up, those of writes included
	Writes           uint64 // batches of objects and hints
	Commits          uint64 // all batches: also barriers and records
	Pages            uint64 // of scans
	Barriers         uint64 // asked for
	BarrierSyncs     uint64 // made: fewer when callers share them
	Refused          uint64 // writes refused because the disk is short of room
	ActorAlarms      uint64 // mints that found their own dot known already: look at it
	ActorsEnded      uint64 // times that all actors ended because wall and monotonic clock drifted apart
	Corruptions      uint64 // damaged blocks that Pebble reported
	CorruptReads     uint64 // reads that met one
	BackgroundErrors uint64 // of flushes and compactions
	SlowDisk         uint64 // operations of the disk that took over 5 s
	Stalls           uint64 // times that Pebble held up writes
	WrongLeaves      uint64 // of hash trees, that a rebuild found other than the objects on disk: look at it
	ClockReserves    uint64 // times that the clock's bound was moved
}

// Counters tells what the store did. It works on a closed or failed store too.
func (s *Store) Counters() Counters {
	c := &s.counters
	return Counters{
		Reads: c.reads.Load(), Writes: c.writes.Load(), Commits: c.commits.Load(), Pages: c.pages.Load(),
		Barriers: c.barriers.Load(), BarrierSyncs: c.barrierSyncs.Load(), Refused: c.refused.Load(),
		ActorAlarms: c.actorAlarms.Load(), ActorsEnded: c.actorsEnded.Load(),
		Corruptions: c.corruptions.Load(), CorruptReads: c.corruptReads.Load(),
		BackgroundErrors: c.backgroundErrors.Load(), SlowDisk: c.slowDisk.Load(), Stalls: c.stalls.Load(),
		ClockReserves: c.clockReserves.Load(), WrongLeaves: c.wrongLeaves.Load(),
	}
}

// Stats is what Pebble tells about itself.
type Stats struct {
	DiskBytes      uint64 // all of the store's files
	TableBytes     uint64 // of the tables in use
	LogBytes       uint64 // of the write-ahead log
	MemTableBytes  uint64
	L0Files        int64
	L0Sublevels    int32 // each is one more table that a read may look into
	ReadAmp        int
	CompactionDebt uint64 // bytes to be compacted before the tree is in shape
	Compactions    int64
	Flushes        int64
	CacheBytes     int64
	CacheHits      int64
	CacheMisses    int64
	LogSync        Latencies // of the syncs of the log
}

// Stats asks Pebble. It takes a mutex of Pebble's, so it belongs into a scrape,
// not into a request; ctx bounds the wait for that.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	if err := s.begin(); err != nil {
		return Stats{}, err
	}
	got := make(chan Stats, 1)
	go func() {
		defer s.gate.leave()
		got <- s.stats()
	}()
	select {
	case stats := <-got:
		return stats, nil
	case <-s.fault.done:
		return Stats{}, s.fault.err()
	case <-ctx.Done():
		return Stats{}, context.Cause(ctx)
	}
}

// stats picks from Pebble's metrics.
func (s *Store) stats() Stats {
	m := s.db.Metrics()
	return Stats{
		DiskBytes:      m.DiskSpaceUsage(),
		TableBytes:     uint64(max(m.Total().TablesSize, 0)), //nolint:gosec // not negative
		LogBytes:       m.WAL.Size,
		MemTableBytes:  m.MemTable.Size,
		L0Files:        m.Levels[0].TablesCount,
		L0Sublevels:    m.Levels[0].Sublevels,
		ReadAmp:        m.ReadAmp(),
		CompactionDebt: m.Compact.EstimatedDebt,
		Compactions:    m.Compact.Count,
		Flushes:        m.Flush.Count,
		CacheBytes:     m.BlockCache.Size,
		CacheHits:      m.BlockCache.Hits,
		CacheMisses:    m.BlockCache.Misses,
		LogSync:        s.disk.sync.snapshot(),
	}
}
