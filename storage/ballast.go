package storage

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ballast is a file that only takes room. When the disk is full it is given up,
// so that the log and a compaction can go on; when there is room again it is
// made anew. A nil ballast is none.
type ballast struct {
	fs      vfs.FS // below the one that calls drop
	path    string
	size    int64
	warn    func(message string, err error)
	present atomic.Bool
}

// drop gives the file up. It may be called from inside a file operation of
// Pebble's that met a full disk.
func (b *ballast) drop() {
	if b == nil || !b.present.Swap(false) {
		return
	}
	if err := b.fs.Remove(b.path); err != nil {
		b.warn("the ballast file cannot be removed", err)
	}
}

// adjust makes or gives up the file as st asks for.
func (b *ballast) adjust(st *SpaceState) {
	switch {
	case b == nil:
	case st.Level == SpaceFull:
		b.drop()
	case !b.present.Load() && st.Free > st.Low+uint64(b.size): //nolint:gosec // size is positive
		if err := b.make(); err != nil {
			b.warn("the ballast file cannot be made", err)
		}
	}
}

// find notes a file that an earlier start left; one of another size is removed.
func (b *ballast) find() {
	if b == nil {
		return
	}
	info, err := b.fs.Stat(b.path)
	if err != nil {
		return // there is none
	}
	b.present.Store(true)
	if info.Size() != b.size {
		b.drop()
	}
}

// make writes the file, of bytes that no file system can compress.
func (b *ballast) make() (err error) {
	f, err := b.fs.Create(b.path, "henge-ballast")
	if err != nil {
		return err
	}
	noise := rand.NewChaCha8([32]byte{})
	_, err = io.CopyN(writerOnly{f}, noise, b.size)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = b.fs.Remove(b.path) // half a ballast is only in the way
		return fmt.Errorf("%s: %w", b.path, err)
	}
	b.present.Store(true)
	return nil
}

// writerOnly hides all of a file but Write.
type writerOnly struct{ io.Writer }
