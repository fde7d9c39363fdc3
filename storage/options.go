package storage

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/storage/clock"
)

// The defaults of Options.
const (
	// DefaultCacheBytes holds the hot blocks of a small node; a large one says more.
	DefaultCacheBytes = 64 << 20
	// DefaultMemTableBytes is what one flush writes: 16,000 writes of 1 KiB.
	DefaultMemTableBytes = 16 << 20
	// DefaultLowWater leaves room for a compaction of the largest tables.
	DefaultLowWater = 256 << 20
	// DefaultFullWater leaves room for the log and a flush of every memtable.
	DefaultFullWater = 64 << 20
	// DefaultBallast is enough for the log's next file when the disk is full.
	DefaultBallast = 16 << 20
	// smallDiskShare bounds the default marks on a small disk: LowWater is at most
	// one part in so many of it.
	smallDiskShare = 20
)

// Options say how a store runs. The zero value keeps a store on the machine's
// file system with defaults for a small node.
type Options struct {
	// FS is the file system; nil is the machine's, watched for slowness.
	FS vfs.FS
	// Clock tells time; nil is the machine's.
	Clock clock.Clock
	// Rand draws the node's id and the actors. The store calls it from one goroutine
	// at a time. Nil is a generator that the machine seeds. With a source that
	// repeats itself no two starts of one store share an actor either.
	Rand func() uint64
	// Logger gets the store's news; nil discards them.
	Logger *slog.Logger
	// CacheBytes bounds the cache of table blocks. 0 is DefaultCacheBytes.
	CacheBytes int64
	// MemTableBytes is the size of a memtable; up to four are held. 0 is
	// DefaultMemTableBytes.
	MemTableBytes int64
	// LowWater is how many free bytes there must be for client puts and new hints.
	// 0 is DefaultLowWater, or a twentieth of the disk if that is less.
	LowWater uint64
	// FullWater is how many free bytes there must be for any change that takes
	// room. 0 is a quarter of LowWater.
	FullWater uint64
	// Space tells the free and total bytes of the disk that holds dir; nil asks FS.
	// A file system that cannot tell (in memory) has no marks.
	Space func(dir string) (free, total uint64, err error)
	// BallastBytes is the size of a file that is given up when the disk is full, so
	// that the log can go on. 0 is DefaultBallast where FS itself can tell its free
	// space, and none elsewhere; negative is none.
	BallastBytes int64
}

// EnsureDefaults fills in what is not set.
func (o *Options) EnsureDefaults() {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Rand == nil {
		o.Rand = machineRand()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = DefaultMemTableBytes
	}
}

// Validate reports all that is wrong with the options.
func (o *Options) Validate() error {
	var errs []error
	if o.CacheBytes < 0 {
		errs = append(errs, fmt.Errorf("cache of %d bytes: want 0 or more", o.CacheBytes))
	}
	if o.MemTableBytes < 64<<10 || o.MemTableBytes > 1<<30 {
		errs = append(errs, fmt.Errorf("memtable of %d bytes: want 64 KiB to 1 GiB", o.MemTableBytes))
	}
	if o.LowWater != 0 && o.FullWater > o.LowWater {
		errs = append(errs, fmt.Errorf("full mark of %d free bytes is above the low mark of %d", o.FullWater, o.LowWater))
	}
	return errors.Join(errs...)
}

// machineRand is a generator that the machine seeds.
func machineRand() func() uint64 {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails: the runtime ends the process if the machine has no randomness
	source := rand.NewChaCha8(seed)
	var mu sync.Mutex
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return source.Uint64()
	}
}
