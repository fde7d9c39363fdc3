package storage

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// The sentinels of a store. Match them with errors.Is.
var (
	// ErrClosed is what every method answers once Close was called.
	ErrClosed = errors.New("store is closed")
	// ErrFailed says that the disk failed under the store: nothing more is
	// written, read or acknowledged until the process opens it anew. A write that
	// got it may or may not be on disk.
	ErrFailed = errors.New("store failed")
	// ErrFull refuses a change that would take disk space which is short. Nothing
	// was written.
	ErrFull = errors.New("disk is nearly full")
	// ErrCorrupt says that what the disk returned is not what was written. It is
	// never reported as an absent key.
	ErrCorrupt = errors.New("corrupt block")
	// ErrLocked refuses to open a directory that an open store uses.
	ErrLocked = errors.New("directory is in use")
	// ErrFormat refuses a directory that this version cannot read.
	ErrFormat = errors.New("unknown store format")
	// ErrCluster refuses a store that belongs to another cluster.
	ErrCluster = errors.New("store belongs to another cluster")
	// ErrNoDocument says that no cluster document was installed yet.
	ErrNoDocument = errors.New("no cluster document is installed")
	// ErrNotHeld says that this node does not serve the key's partition, so that it
	// cannot mint there.
	ErrNotHeld = errors.New("partition is not held")
	// ErrEpoch refuses an object that was read before the last round of reaping that the
	// partition knows of: it may be what that round deleted. Read again, it is of now.
	ErrEpoch = errors.New("read before a round of reaping began: it has to be read again")
	// ErrNoEpochs refuses a write to a partition whose epochs the store does not have yet.
	ErrNoEpochs = errors.New("the partition's epochs are not known yet")
	// ErrFenced refuses a partition of which the store has lost memory.
	ErrFenced = errors.New("the partition is fenced: this node's memory of it is older than what was agreed, and is being replaced")
	// ErrHeld refuses to drop a partition of which this node holds a replica.
	ErrHeld = errors.New("partition is held")
	// ErrBadKey refuses a bucket or key of a length that cannot be stored.
	ErrBadKey = errors.New("bad key")
)

// isCorruption reports whether err is Pebble's word for a damaged block.
func isCorruption(err error) bool { return pebble.IsCorruptionError(err) }
