package storage

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestInABubble runs stores under virtual time, with a slow disk, a crash, and a
// disk that fails. The bubble itself fails the test for any goroutine left behind.
func TestInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewCrashableMem()
		sick := newSickDisk(fs)
		s := open(t, sick, small)
		sick.fail(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSync {
				time.Sleep(5 * time.Millisecond)
			}
			return nil
		})
		begin := time.Now()
		for i := range 300 {
			mustPut(t, s, key(i), noise(1<<10))
		}
		if took := time.Since(begin); took < time.Second || took > 5*time.Second {
			t.Errorf("300 puts with syncs of 5 ms took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := put(ctx, s, key(1), nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("put with a millisecond: %v, want its end", err)
		}
		after := open(t, fs.CrashClone(vfs.CrashCloneCfg{}), small)
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		for i := range 300 {
			if value(t, after, key(i)) == nil {
				t.Errorf("key %d is gone", i)
			}
		}
		if err := after.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func TestAFailedDiskInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sick := newSickDisk(vfs.NewMem())
		s := open(t, sick, small)
		mustPut(t, s, key(1), number(1))
		sick.fail(on(syscall.EIO, ".log", errorfs.OpFileSync, errorfs.OpFileSyncData))
		if err := put(t.Context(), s, key(1), number(2)); !errors.Is(err, ErrFailed) {
			t.Errorf("put: %v, want ErrFailed", err)
		}
		if err := s.Close(); !errors.Is(err, ErrFailed) {
			t.Errorf("close: %v, want ErrFailed", err)
		}
	})
}

// TestAStalledDiskHoldsNobody hangs the disk: callers give up, whatever Pebble
// does, and all is well once the disk is.
func TestAStalledDiskHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sick := newSickDisk(vfs.NewMem())
		s := open(t, sick, small)
		held := make(chan struct{})
		sick.fail(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				<-held
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ended := 0
		for i := range 200 { // far more than the memtables hold
			c, err := s.Write(ctx, key(i), KindPut, putting(noise(8<<10)))
			if err == nil {
				err = c.Wait(ctx)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				ended++
			} else {
				t.Errorf("put: %v, want the end of its context", err)
			}
		}
		if ended != 200 {
			t.Errorf("%d callers gave up, want 200", ended)
		}
		if err := s.Barrier(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("barrier: %v, want the end of its context", err)
		}
		sick.heal()
		close(held)
		mustPut(t, s, key(1), number(1))
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}
