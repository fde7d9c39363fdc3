package storage

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// openLogFile opens a log's file on fs as Pebble does.
func openLogFile(t *testing.T, s *Store, open func(*disk) (vfs.File, error)) *logFile {
	t.Helper()
	f, err := open(s.disk)
	if err != nil {
		t.Fatal(err)
	}
	return f.(*logFile) //nolint:errcheck,forcetypeassert // a log's name
}

// growths writes a log and counts the syncs before which its file has grown.
func growths(t *testing.T, f *logFile, records, size int) (grown int) {
	t.Helper()
	length := func() int64 {
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for range records {
		before := length()
		if _, err := f.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if length() != before {
			grown++
		}
	}
	return grown
}

func TestALogSeldomGrows(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	first := openLogFile(t, s, func(d *disk) (vfs.File, error) { return d.Create("1.log", "") })
	if grown := growths(t, first, 1000, 3000); grown > 20 {
		t.Errorf("a new log of 1,000 records grew %d times, want 20 at most", grown)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := openLogFile(t, s, func(d *disk) (vfs.File, error) { return d.ReuseForWrite("1.log", "2.log", "") })
	if grown := growths(t, again, 900, 3000); grown != 0 {
		t.Errorf("a log that lies in the place of a larger one grew %d times", grown)
	}
	if grown := growths(t, again, 1000, 3000); grown == 0 || grown > 20 {
		t.Errorf("beyond its place it grew %d times, want 20 at most", grown)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestALogThatCannotBeFilledAheadIsNoFailure(t *testing.T) {
	disk := newSickDisk(vfs.NewCrashableMem())
	s := open(t, disk, Options{})
	refused := 0
	disk.fail(func(op errorfs.Op) error {
		if op.Kind != errorfs.OpFileWriteAt {
			return nil
		}
		refused++
		return errors.New("no room")
	})
	for i := range 100 {
		mustPut(t, s, key(i), number(uint64(i)+1))
	}
	if refused == 0 || s.Failed() != nil {
		t.Errorf("%d fillings were refused, the store says %v; want some, and that it works", refused, s.Failed())
	}
}
