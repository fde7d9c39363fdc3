package storage

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// small makes memtables small, so that the log changes often.
var small = Options{MemTableBytes: 64 << 10}

// on returns a judge that fails operations of these kinds on paths that contain
// part.
func on(err error, part string, kinds ...errorfs.OpKind) func(errorfs.Op) error {
	return func(op errorfs.Op) error {
		for _, kind := range kinds {
			if op.Kind == kind && strings.Contains(op.Path, part) {
				return err
			}
		}
		return nil
	}
}

// readOnly is how a file system judges that was mounted anew.
func readOnly(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		return syscall.EROFS
	}
	return nil
}

// The failures of a disk that Pebble answers by ending the process: through
// Fatalf, or by a panic that cannot be recovered from.
var deadly = map[string]func(errorfs.Op) error{
	"the log cannot be synced":       on(syscall.EIO, ".log", errorfs.OpFileSync, errorfs.OpFileSyncData),
	"the log cannot be written":      on(syscall.EIO, ".log", errorfs.OpFileWrite),
	"the disk is full for a sync":    on(syscall.ENOSPC, ".log", errorfs.OpFileSync, errorfs.OpFileSyncData),
	"no new log can be made":         on(syscall.EIO, ".log", errorfs.OpCreate, errorfs.OpReuseForWrite),
	"the log's directory is gone":    on(syscall.ENOENT, ".log", errorfs.OpCreate, errorfs.OpReuseForWrite),
	"the directory cannot be synced": on(syscall.EIO, "db", errorfs.OpFileSync),
	"nothing works any more":         func(errorfs.Op) error { return syscall.EIO },
	"the disk is read-only now":      readOnly,
}

func TestAFailedDiskAcknowledgesNothingAndEndsNothing(t *testing.T) {
	for name, judge := range deadly {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			mem := vfs.NewCrashableMem()
			sick := newSickDisk(mem)
			s := open(t, sick, small)
			mustPut(t, s, key(0), number(1))

			sick.fail(judge)
			acked := writeUntilFailed(t, s)
			for what, err := range map[string]error{
				"Failed":  s.Failed(),
				"put":     put(t.Context(), s, key(0), number(2)),
				"barrier": s.Barrier(t.Context()),
				"record":  s.SaveMeta(t.Context(), "x", nil),
			} {
				if !errors.Is(err, ErrFailed) {
					t.Errorf("%s of a failed store: %v, want ErrFailed", what, err)
				}
			}
			if err := s.Close(); !errors.Is(err, ErrFailed) {
				t.Errorf("close: %v, want ErrFailed", err)
			}
			awaitGoroutines(t, before)

			sick.heal()
			checkAcked(t, open(t, mem.CrashClone(vfs.CrashCloneCfg{}), Options{}), acked)
			checkAcked(t, open(t, sick, Options{}), acked) // the same directory, in the same process
		})
	}
}

// writeUntilFailed lets many writers write, until one of them hears that the
// store failed, and returns what was acknowledged.
func writeUntilFailed(t *testing.T, s *Store) map[Key]uint64 {
	t.Helper()
	const writers, most = 8, 2000
	var mu sync.Mutex
	acked := map[Key]uint64{key(0): 1}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := uint64(1); n < most; n++ {
				err := put(t.Context(), s, key(w+1), append(number(n), make([]byte, 1<<10)...))
				if err != nil {
					if !errors.Is(err, ErrFailed) {
						t.Errorf("put: %v, want ErrFailed", err)
					}
					return
				}
				mu.Lock()
				acked[key(w+1)] = n
				mu.Unlock()
			}
			t.Error("the disk never failed")
		})
	}
	wg.Wait()
	return acked
}

// checkAcked checks that s holds at least what was acknowledged.
func checkAcked(t *testing.T, s *Store, acked map[Key]uint64) {
	t.Helper()
	for k, n := range acked {
		if got := numeral(value(t, s, k)); got < n {
			t.Errorf("key %v holds %d, but %d was acknowledged", k, got, n)
		}
	}
}

func TestAFailedManifestParksPebble(t *testing.T) {
	for name, judge := range map[string]func(errorfs.Op) error{
		"sync":  on(syscall.EIO, "MANIFEST", errorfs.OpFileSync, errorfs.OpFileSyncData),
		"write": on(syscall.EIO, "MANIFEST", errorfs.OpFileWrite),
	} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			sick := newSickDisk(mem)
			s := open(t, sick, small)
			sick.fail(judge)
			acked := writeUntilFailed(t, s)
			if _, err := s.Stats(t.Context()); !errors.Is(err, ErrFailed) {
				t.Errorf("stats: %v, want ErrFailed", err)
			}
			err := s.Close()
			if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "left behind") {
				t.Errorf("close: %v, want ErrFailed and what is left", err)
			}
			delete(acked, key(0))
			sick.heal()
			checkAcked(t, open(t, mem.CrashClone(vfs.CrashCloneCfg{}), Options{}), acked)
			checkAcked(t, open(t, sick, Options{}), acked)
		})
	}
}

func TestWhatFailsDuringOpenIsReported(t *testing.T) {
	sick := newSickDisk(vfs.NewMem())
	if err := open(t, sick, Options{}).Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	for _, part := range []string{"FORMAT", "MANIFEST", ".log", "marker"} {
		sick.fail(func(op errorfs.Op) error {
			if strings.Contains(op.Path, part) {
				return syscall.EIO
			}
			return nil
		})
		if s, err := Open("store", Options{FS: sick}); !errors.Is(err, syscall.EIO) {
			t.Errorf("open while %s cannot be used: %v, %v; want EIO", part, s, err)
		}
		sick.heal()
		if err := open(t, sick, Options{}).Close(); err != nil {
			t.Errorf("close after %s healed: %v", part, err)
		}
	}
}

func TestATableThatCannotBeWrittenFailsNothing(t *testing.T) {
	sick := newSickDisk(vfs.NewMem())
	s := open(t, sick, small)
	var refused atomic.Int64
	sick.fail(func(op errorfs.Op) error {
		if strings.Contains(op.Path, ".sst") && op.Kind == errorfs.OpCreate && refused.Add(1) <= 3 {
			return syscall.ENOSPC
		}
		return nil
	})
	acked := map[Key]uint64{}
	for n := uint64(1); refused.Load() <= 3; n++ {
		mustPut(t, s, key(1), append(number(n), make([]byte, 1<<10)...))
		acked[key(1)] = n
	}
	checkAcked(t, s, acked)
	if got := s.Counters().BackgroundErrors; got == 0 {
		t.Error("no background error was counted")
	}
}

func TestFatalfReturnsToOurGoroutinesOnly(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	var parked atomic.Bool
	l := &pebbleLogger{
		log: s.options.Logger, limit: s.limit, onFail: s.fail,
		park: func() { parked.Store(true) },
	}
	// Pebble calls back on the goroutine that called it: ours.
	it, err := s.db.NewIter(&pebble.IterOptions{SkipPoint: func([]byte) bool {
		l.Fatalf("found %s", "a mess")
		return false
	}})
	if err != nil {
		t.Fatal(err)
	}
	it.First()
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	if parked.Load() || !errors.Is(s.Failed(), ErrFailed) || !strings.Contains(fmt.Sprint(s.Failed()), "a mess") {
		t.Errorf("parked %v, failed %v; want a failed store and no parked goroutine", parked.Load(), s.Failed())
	}
	// A goroutine whose stack holds nothing of ours below Pebble.
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Fatalf("found another")
	}()
	<-done
	if !parked.Load() {
		t.Error("Fatalf returned to a goroutine that is not ours")
	}
}

// TestAnApplyThatMetTheFailureIsNotReported: who asks for no sync has no other word
// than that of the apply, and Pebble says that all went well.
func TestAnApplyThatMetTheFailureIsNotReported(t *testing.T) {
	sick := newSickDisk(vfs.NewMem())
	s := open(t, sick, small)
	sick.fail(deadly["no new log can be made"])
	for range 2000 {
		b := s.db.NewBatch()
		if err := b.Set(metaKey("x"), noise(4<<10), nil); err != nil {
			t.Fatal(err)
		}
		err := s.apply(b)
		if failed := s.Failed(); (failed == nil) != (err == nil) {
			t.Fatalf("apply: %v, and the store: %v", err, failed)
		}
		if err != nil {
			return
		}
		if err := s.syncWait(b); err != nil {
			t.Fatalf("sync: %v", err)
		}
	}
	t.Error("the disk never failed")
}

func TestAPanicOfPebbleIsAFailure(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	b := s.db.NewBatch()
	if err := b.Set(metaKey("x"), nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.applyAndSync(b); err != nil {
		t.Fatal(err)
	}
	other := open(t, vfs.NewMem(), Options{})
	foreign := other.db.NewBatch()
	if err := foreign.Set(metaKey("x"), nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.apply(foreign); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "batch db mismatch") {
		t.Errorf("apply of another store's batch: %v, want ErrFailed with the panic", err)
	}
}
