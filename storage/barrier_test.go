package storage

import (
	"errors"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hengedb/henge/storage/clock"
)

func TestBarriersThatHaveNotBegunAreShared(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	first := s.joinBarrier() // its goroutine has to take this mutex to begin
	s.barriers.mu.Lock()
	waiting := s.barriers.next
	s.barriers.mu.Unlock()
	if waiting != nil && waiting != first {
		t.Error("two barriers wait to begin")
	}
	<-first.done
	if second := s.joinBarrier(); second == first {
		t.Error("a caller joined a barrier that was over")
	}
	const callers = 200
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			if err := s.Barrier(t.Context()); err != nil {
				t.Errorf("barrier: %v", err)
			}
		})
	}
	wg.Wait()
	if c := s.Counters(); c.Barriers != callers || c.BarrierSyncs > callers+2 {
		t.Errorf("%d callers made %d barriers", c.Barriers, c.BarrierSyncs)
	}
}

// TestABarrierIsASync counts the syncs of the log: an empty batch, which Pebble
// answers without one, would not do.
func TestABarrierIsASync(t *testing.T) {
	sick := newSickDisk(vfs.NewMem())
	s := open(t, sick, Options{})
	syncs := func() uint64 { return s.disk.sync.snapshot().Count() }
	for range 3 {
		before := syncs()
		if err := s.Barrier(t.Context()); err != nil {
			t.Fatalf("barrier: %v", err)
		}
		if syncs() == before {
			t.Error("a barrier synced nothing")
		}
	}
	boom := errors.New("boom")
	sick.fail(on(boom, ".log", errorfs.OpFileSync, errorfs.OpFileSyncData))
	if err := s.Barrier(t.Context()); !errors.Is(err, ErrFailed) || !errors.Is(err, boom) {
		t.Errorf("a barrier whose sync failed: %v, want ErrFailed and the cause", err)
	}
}

// TestTheClockNeverRunsBack sets the wall clock back over restarts and a crash.
func TestTheClockNeverRunsBack(t *testing.T) {
	fs := vfs.NewCrashableMem()
	c := &jumpy{}
	s := open(t, fs, Options{Clock: c})
	var last = s.Now()
	for _, seconds := range []int64{0, 3600, 0, -3600} {
		c.seconds.Store(seconds)
		for range 3 {
			mustPut(t, s, key(1), nil)
			o, err := s.Read(t.Context(), key(1))
			if err != nil {
				t.Fatalf("read: %v", err)
			}
			stamp, now := o.MaxStamp(), s.Now()
			if stamp <= last || now < stamp {
				t.Errorf("with the clock set by %d s: stamp %d after %d, then now is %d", seconds, stamp, last, now)
			}
			last = now
		}
		fs = fs.CrashClone(vfs.CrashCloneCfg{})
		s = open(t, fs, Options{Clock: c})
		if now := s.Now(); now < last {
			t.Errorf("after a crash with the clock set by %d s: now is %d, was %d", seconds, now, last)
		}
	}
}

var _ clock.Clock = (*jumpy)(nil)
