package storage

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestNodeIDIsDrawnOnceAndKept(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, Options{})
	id := s.NodeID()
	if id == 0 {
		t.Error("the node's id is 0")
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if got := open(t, fs, Options{}).NodeID(); got != id {
		t.Errorf("after a restart the node's id is %v, want %v", got, id)
	}
	if got := open(t, crashed, Options{}).NodeID(); got != id {
		t.Errorf("after a crash the node's id is %v, want %v", got, id)
	}
	if other := open(t, vfs.NewMem(), Options{}).NodeID(); other == id {
		t.Errorf("two stores have the id %v", id)
	}
}

func TestOpenRefusesADirectoryInUse(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"in memory": vfs.NewMem(), "on disk": nil} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := Options{FS: fs, BallastBytes: -1}
			first, err := Open(dir, o)
			if err != nil {
				t.Fatalf("open: %v", err)
			}
			if second, err := Open(dir, o); !errors.Is(err, ErrLocked) {
				t.Errorf("second open: %v, %v; want ErrLocked", second, err)
			}
			if err := first.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			again, err := Open(dir, o)
			if err != nil {
				t.Fatalf("open after close: %v", err)
			}
			if err := again.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want string
	}{
		"a newer format":             {"henge store format 2\n", "use a newer Henge"},
		"a file that is not Henge's": {"rocks\n", "not what Henge writes"},
		"an empty file":              {"", "not what Henge writes"},
		"no file beside the data":    {"-", "no file FORMAT"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			if err := open(t, fs, Options{}).Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			path := fs.PathJoin("store", formatFile)
			if err := fs.Remove(path); err != nil {
				t.Fatal(err)
			}
			if test.text != "-" {
				writeText(t, fs, path, test.text)
			}
			s, err := Open("store", Options{FS: fs})
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("open: %v, %v; want ErrFormat with %q", s, err, test.want)
			}
		})
	}
}

func writeText(t *testing.T, fs vfs.FS, path, text string) {
	t.Helper()
	f, err := fs.Create(path, "test")
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenReportsAnUnusableDirectory(t *testing.T) {
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path+"/store", Options{})
	if err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("open below a file: %v, %v; want an error that is not ErrLocked", s, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := Open("store", Options{FS: vfs.NewMem(), CacheBytes: -1, MemTableBytes: 1, LowWater: 1, FullWater: 2})
	for _, want := range []string{"cache", "memtable", "full mark"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open: %v; want it to mention the %s", err, want)
		}
	}
}

func TestClusterIsBoundOnce(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, Options{})
	if err := s.BindCluster(t.Context(), "aa"); err != nil {
		t.Fatalf("bind: %v", err)
	}
	if err := s.BindCluster(t.Context(), "aa"); err != nil {
		t.Errorf("bind again: %v", err)
	}
	s = open(t, fs.CrashClone(vfs.CrashCloneCfg{}), Options{})
	err := s.BindCluster(t.Context(), "bb")
	if !errors.Is(err, ErrCluster) || !strings.Contains(err.Error(), "cluster aa and cannot serve cluster bb") {
		t.Errorf("bind to another: %v, want ErrCluster with both names", err)
	}
	if err := s.BindCluster(t.Context(), "aa"); err != nil {
		t.Errorf("bind after a crash: %v", err)
	}
}

func TestRecordsSurviveACrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, Options{})
	if raw, err := s.Document(); raw != nil || err != nil {
		t.Errorf("document of a new store: %q, %v; want none", raw, err)
	}
	if err := s.SaveDocument(t.Context(), []byte("document 7")); err != nil {
		t.Fatalf("save: %v", err)
	}
	if err := s.SaveMeta(t.Context(), "document", []byte("another")); err != nil {
		t.Fatalf("save: %v", err)
	}
	if err := s.SaveMeta(t.Context(), "empty", nil); err != nil {
		t.Fatalf("save: %v", err)
	}
	s = open(t, fs.CrashClone(vfs.CrashCloneCfg{}), Options{})
	if raw, err := s.Document(); string(raw) != "document 7" || err != nil {
		t.Errorf("document: %q, %v", raw, err)
	}
	if raw, err := s.Meta("document"); string(raw) != "another" || err != nil {
		t.Errorf("record: %q, %v", raw, err)
	}
	if raw, err := s.Meta("empty"); raw == nil || len(raw) != 0 || err != nil {
		t.Errorf("empty record: %v, %v; want one that is there and empty", raw, err)
	}
	if raw, err := s.Meta("absent"); raw != nil || err != nil {
		t.Errorf("absent record: %q, %v", raw, err)
	}
}

func TestAfterCloseEverythingIsErrClosed(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	c, err := s.Write(t.Context(), key(1), KindJoin, func(*Tx) error { return nil })
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	calls := map[string]func() error{
		"Close":        s.Close,
		"Write":        func() error { return put(t.Context(), s, key(1), nil) },
		"Wait":         func() error { return c.Wait(t.Context()) },
		"Barrier":      func() error { return s.Barrier(t.Context()) },
		"Read":         func() error { _, err := s.Read(t.Context(), key(1)); return err },
		"ReadHint":     func() error { _, err := s.ReadHint(t.Context(), key(1)); return err },
		"Document":     func() error { _, err := s.Document(); return err },
		"SaveDocument": func() error { return s.SaveDocument(t.Context(), nil) },
		"Meta":         func() error { _, err := s.Meta("x"); return err },
		"SaveMeta":     func() error { return s.SaveMeta(t.Context(), "x", nil) },
		"BindCluster":  func() error { return s.BindCluster(t.Context(), "x") },
		"Install":      func() error { return s.Install(document(2)) },
		"Stats":        func() error { _, err := s.Stats(t.Context()); return err },
		"Scan": func() error {
			for _, err := range s.Scan(t.Context(), ScanFrom{}, everything) {
				return err
			}
			return nil
		},
		"Hints": func() error {
			for _, err := range s.Hints(t.Context(), nil) {
				return err
			}
			return nil
		},
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", name, err)
		}
	}
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 3 {
		s := open(t, vfs.NewMem(), Options{})
		for i := range 20 {
			if _, err := s.Write(t.Context(), key(i), KindPut, putting(number(1))); err != nil {
				t.Fatalf("write: %v", err) // nobody waits for these
			}
		}
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	awaitGoroutines(t, before)
}

// awaitGoroutines fails the test unless the number of goroutines comes down to
// want: those that have ended may still be on their way out.
func awaitGoroutines(t *testing.T, want int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > want {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, want %d:\n%s", runtime.NumGoroutine(), want, stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

func TestAStopThatWasNotCleanIsNoticed(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, Options{})
	if s.Unclean() {
		t.Error("a new store says that its last stop was not a clean one")
	}
	crashed := open(t, fs.CrashClone(vfs.CrashCloneCfg{}), Options{})
	if !crashed.Unclean() {
		t.Error("nobody noticed a crash")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if open(t, fs, Options{}).Unclean() {
		t.Error("a stop that was clean is taken for a crash")
	}
}
