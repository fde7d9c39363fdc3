package storage

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// full is where a disk has no room.
var full = map[string]func(errorfs.Op) error{
	"the log":       on(syscall.ENOSPC, ".log", errorfs.OpFileWrite),
	"a new log":     on(syscall.ENOSPC, ".log", errorfs.OpCreate, errorfs.OpReuseForWrite),
	"the manifest":  on(syscall.ENOSPC, "MANIFEST", errorfs.OpFileWrite),
	"anything more": noRoom,
}

// noRoom is how a full disk judges.
func noRoom(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpReuseForWrite:
		return syscall.ENOSPC
	}
	return nil
}

// TestAFullDiskIsWaitedFor: with room again everything goes on, in the same process. It
// is in no bubble, for Pebble makes a new log under a mutex.
func TestAFullDiskIsWaitedFor(t *testing.T) {
	for name, judge := range full {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			sick := newSickDisk(mem)
			s := open(t, sick, small)
			mustPut(t, s, key(0), number(1))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var refused atomic.Int64
			sick.fail(func(op errorfs.Op) error {
				err := judge(op)
				if err != nil && refused.Add(1) == 4 {
					cancel() // it was tried again, and again
				}
				return err
			})
			for i := 0; ctx.Err() == nil; i++ {
				if err := put(ctx, s, key(i%100), noise(1<<10)); err != nil && !errors.Is(err, context.Canceled) {
					t.Fatalf("put on a full disk: %v, want the end of its patience", err)
				}
			}
			if err := s.Failed(); err != nil {
				t.Fatalf("a full disk failed the store: %v", err)
			}
			sick.heal()
			for i := range 100 {
				mustPut(t, s, key(i), number(uint64(i)))
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			after := open(t, mem.CrashClone(vfs.CrashCloneCfg{}), small)
			for i := range 100 {
				if got := numeral(value(t, after, key(i))); got != uint64(i) {
					t.Errorf("key %d holds %d", i, got)
				}
			}
		})
	}
}

// TestAStoreOnAFullDiskCanBeClosed, and what waits for room is not acknowledged then.
func TestAStoreOnAFullDiskCanBeClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewCrashableMem()
		sick := newSickDisk(mem)
		s := open(t, sick, small)
		mustPut(t, s, key(0), number(1))
		sick.fail(noRoom)
		var waiting sync.WaitGroup
		for i := range 4 {
			waiting.Go(func() {
				if err := put(t.Context(), s, key(i), number(2)); !errors.Is(err, ErrFailed) {
					t.Errorf("a put that waited for room when the store was closed: %v, want ErrFailed", err)
				}
			})
		}
		time.Sleep(time.Minute)
		if err := s.Close(); !errors.Is(err, ErrFailed) {
			t.Errorf("close: %v, want ErrFailed", err)
		}
		waiting.Wait()
		sick.heal()
		checkAcked(t, open(t, sick, Options{}), map[Key]uint64{key(0): 1})
	})
}
