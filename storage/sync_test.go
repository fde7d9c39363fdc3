package storage

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hengedb/henge/storage/clock"
)

// heldDisk is a disk on which a test can hold up the log's syncs. It belongs into a
// bubble: synctest.Wait returns when all that can go on without a sync has.
type heldDisk struct {
	mem   *vfs.MemFS
	sick  *sickDisk
	free  atomic.Pointer[chan struct{}]
	syncs atomic.Int64 // that have begun
}

func newHeldDisk() *heldDisk {
	d := &heldDisk{mem: vfs.NewCrashableMem()}
	d.sick = newSickDisk(d.mem)
	d.sick.fail(func(op errorfs.Op) error {
		if op.Kind != errorfs.OpFileSync && op.Kind != errorfs.OpFileSyncData {
			return nil
		}
		d.syncs.Add(1)
		if free := d.free.Load(); free != nil {
			<-*free
		}
		return nil
	})
	return d
}

// hold holds up syncs from now on, until the returned function is called.
func (d *heldDisk) hold() (release func()) {
	free := make(chan struct{})
	d.free.Store(&free)
	return func() {
		d.free.Store(nil)
		close(free)
	}
}

// crashed is what key 1 holds after a crash now.
func (d *heldDisk) crashed(t *testing.T) uint64 {
	t.Helper()
	s := open(t, d.mem.CrashClone(vfs.CrashCloneCfg{}), Options{})
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	return numeral(value(t, s, key(1)))
}

// later runs f and tells whether it has ended.
func later(t *testing.T, f func() error) *atomic.Bool {
	ended := &atomic.Bool{}
	go func() {
		if err := f(); err != nil {
			t.Error(err)
		}
		ended.Store(true)
	}()
	return ended
}

// TestNothingIsPromisedBeforeTheSync holds the log's sync and looks at what is said
// meanwhile, and at what a crash leaves.
func TestNothingIsPromisedBeforeTheSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHeldDisk()
		s := open(t, d.sick, Options{})
		mustPut(t, s, key(1), number(1))
		release := d.hold()
		c, err := s.Write(t.Context(), key(1), KindPut, putting(number(2)))
		if err != nil {
			t.Fatalf("write: %v", err)
		}
		unchanged, err := s.Write(t.Context(), key(1), KindJoin, func(*Tx) error { return nil })
		if err != nil {
			t.Fatalf("write: %v", err)
		}
		said := map[string]*atomic.Bool{
			"a write":                        later(t, func() error { return c.Wait(t.Context()) }),
			"a write that changed nothing":   later(t, func() error { return unchanged.Wait(t.Context()) }),
			"a barrier":                      later(t, func() error { return s.Barrier(t.Context()) }),
			"a record":                       later(t, func() error { return s.SaveMeta(t.Context(), "x", nil) }),
			"the name of the cluster":        later(t, func() error { return s.BindCluster(t.Context(), "aa") }),
			"the document":                   later(t, func() error { return s.SaveDocument(t.Context(), nil) }),
			"a barrier behind another's one": later(t, func() error { return s.Barrier(t.Context()) }),
		}
		synctest.Wait()
		for name, ended := range said {
			if ended.Load() {
				t.Errorf("%s was acknowledged before the sync", name)
			}
		}
		if got := numeral(value(t, s, key(1))); got != 2 {
			t.Errorf("a read before the sync shows %d, want 2", got)
		}
		if got := d.crashed(t); got != 1 {
			t.Errorf("a crash before the sync leaves %d, want 1", got)
		}
		release()
		synctest.Wait()
		for name, ended := range said {
			if !ended.Load() {
				t.Errorf("%s was not acknowledged after the sync", name)
			}
		}
		if got := d.crashed(t); got != 2 {
			t.Errorf("a crash after the sync leaves %d, want 2", got)
		}
		if err := s.BindCluster(t.Context(), "aa"); err != nil {
			t.Errorf("bind: %v", err)
		}
		release = d.hold()
		bound := later(t, func() error { return s.BindCluster(t.Context(), "aa") })
		synctest.Wait()
		if bound.Load() {
			t.Error("a cluster that was bound already was acknowledged before a sync")
		}
		release()
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// TestABarrierThatBeganBeforeVouchesForNothing: its sync may be over when the state
// is read.
func TestABarrierThatBeganBeforeVouchesForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHeldDisk()
		s := open(t, d.sick, Options{})
		release := d.hold()
		first := later(t, func() error { return s.Barrier(t.Context()) })
		synctest.Wait() // it is in its sync
		if _, err := s.Write(t.Context(), key(1), KindPut, putting(number(2))); err != nil {
			t.Fatalf("write: %v", err)
		}
		second := s.joinBarrier()
		synctest.Wait()
		if made := s.Counters().BarrierSyncs; made != 2 || first.Load() {
			t.Errorf("%d barriers were made, want one for each side of the write", made)
		}
		release()
		<-second.done
		if got := d.crashed(t); got != 2 {
			t.Errorf("a crash after the second barrier leaves %d, want 2", got)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// TestTheLockIsNotHeldOverTheSync: many writes of one key share a sync.
func TestTheLockIsNotHeldOverTheSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHeldDisk()
		s := open(t, d.sick, Options{})
		release := d.hold()
		before := d.syncs.Load()
		written := later(t, func() error {
			for n := range uint64(20) {
				if _, err := s.Write(t.Context(), key(1), KindPut, putting(number(n))); err != nil {
					return err
				}
			}
			return nil
		})
		synctest.Wait()
		if !written.Load() {
			t.Error("a write waited for the sync of the one before")
		}
		release()
		if err := s.Barrier(t.Context()); err != nil {
			t.Errorf("barrier: %v", err)
		}
		if got := d.syncs.Load() - before; got > 4 {
			t.Errorf("20 writes and a barrier took %d syncs", got)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// TestCloseWaitsForWhoIsInside: Pebble must not be used after its Close.
func TestCloseWaitsForWhoIsInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newHeldDisk()
		s := open(t, d.sick, Options{})
		if !s.gate.enter() {
			t.Fatal("the gate is closed")
		}
		closed := later(t, s.Close)
		synctest.Wait()
		if closed.Load() {
			t.Error("Close returned while somebody was inside")
		}
		s.gate.leave()
		synctest.Wait()
		if !closed.Load() {
			t.Error("Close waits for nobody")
		}
	})
}

// TestTheLogIsNotFlooded: a full disk complains thousands of times a second.
func TestTheLogIsNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &shifted{}
		l := newLimit(c)
		for _, step := range []struct {
			after time.Duration
			kind  string
			held  int
			ok    bool
		}{
			{0, "a", 0, true}, {0, "a", 0, false}, {0, "b", 0, true}, {logInterval / 2, "a", 0, false}, {2 * logInterval, "a", 2, true}, {2 * logInterval, "a", 0, false},
		} {
			c.by.Store(int64(step.after))
			if held, ok := l.allow(step.kind); held != step.held || ok != step.ok {
				t.Errorf("after %v, %s: %d held back, %v; want %d, %v", step.after, step.kind, held, ok, step.held, step.ok)
			}
		}
	})
}

// shifted is a clock that a test sets forward.
type shifted struct {
	clock.System
	by atomic.Int64
}

func (c *shifted) Now() time.Time { return c.System.Now().Add(time.Duration(c.by.Load())) }

// TestTheClocksBoundIsOnDiskBeforeItIsUsed sets the wall clock forward while the
// disk stalls: nobody may see a stamp that the next start would not know.
func TestTheClocksBoundIsOnDiskBeforeItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, c := newHeldDisk(), &shifted{}
		s := open(t, d.sick, Options{Clock: c})
		start := s.Now()
		release := d.hold()
		c.by.Store(int64(time.Hour))
		written := later(t, func() error {
			_, err := s.Write(t.Context(), key(1), KindPut, putting(number(1)))
			return err
		})
		synctest.Wait()
		shown := s.Now()
		if written.Load() {
			t.Error("a stamp was minted above the bound")
		}
		crash := d.mem.CrashClone(vfs.CrashCloneCfg{})
		if after := open(t, crash, Options{}).Now(); after < shown || shown < start {
			t.Errorf("the clock shows %d, %d, and %d after a crash", start, shown, after)
		}
		release()
		synctest.Wait()
		if !written.Load() {
			t.Error("the write did not go on once the bound was saved")
		}
		if now := s.Now(); now.Time().Sub(start.Time()) < time.Hour {
			t.Errorf("the clock stands at %v, %v after %v", now.Time(), now.Time().Sub(start.Time()), start.Time())
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}
