package storage

import (
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// diskFile is a table or manifest open for writing.
type diskFile struct {
	vfs.File
	run      func(op func() error) error // how its operations are judged
	disk     *disk
	manifest bool
}

// Write writes p.
func (f *diskFile) Write(p []byte) (n int, err error) {
	err = f.run(func() (err error) {
		if f.manifest {
			n, err = f.disk.write(f.File, p)
		} else {
			n, err = f.File.Write(p)
		}
		return err
	})
	return n, err
}

// WriteAt writes p at offset off.
func (f *diskFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.run(func() (err error) {
		n, err = f.File.WriteAt(p, off)
		return err
	})
	return n, err
}

// Sync makes all of the file durable.
func (f *diskFile) Sync() error { return f.run(f.File.Sync) }

// SyncData makes the file's data durable.
func (f *diskFile) SyncData() error { return f.run(f.File.SyncData) }

// Preallocate reserves room.
func (f *diskFile) Preallocate(offset, length int64) error {
	return f.run(func() error { return f.File.Preallocate(offset, length) })
}

// SyncTo begins to make the first length bytes durable.
func (f *diskFile) SyncTo(length int64) (full bool, err error) {
	err = f.run(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// logFile is the log's file, or a directory. Its errors become the failed mark,
// never Pebble's. A nil File is one that could not be opened.
type logFile struct {
	vfs.File
	disk      *disk
	directory bool
	end       int64 // of what was written; the rest up to size is to be overwritten
	size      int64
}

// Zeros are written ahead of a log's end. The sync of a file that has grown writes its
// length and its extents too, after the data: it takes twice as long, and twice the CPU.
// A log's file is used again by a later log, and then does not grow; but the first ones
// of a store are small. A log is filled by as much as it holds, so that a small one stays
// small, and by no more than maxAhead, which a sync writes in a millisecond or two.
const (
	minAhead = 16 << 10
	maxAhead = 512 << 10
)

var zeros [minAhead]byte // never written to

// do runs op unless the store failed, and swallows its error.
func (f *logFile) do(op func() error) error {
	if f.File == nil || !f.disk.enter() {
		return nil
	}
	err := op()
	f.disk.leave()
	return f.disk.swallow(err)
}

// Write writes p; what a failed store does not write counts as written.
func (f *logFile) Write(p []byte) (int, error) {
	n := len(p)
	err := f.do(func() (err error) {
		n, err = f.disk.write(f.File, p)
		f.end += int64(n)
		f.fill()
		return err
	})
	if err == nil {
		n = len(p)
	}
	return n, err
}

// fill writes zeros ahead of the log's end, once half of them are overwritten. It is a
// matter of speed only: where it fails the file grows as the log does.
func (f *logFile) fill() {
	ahead := min(max(f.end, minAhead), maxAhead)
	if f.size-f.end >= ahead/2 {
		return
	}
	f.size = max(f.size, f.end)
	for f.size < f.end+ahead {
		n, err := f.WriteAt(zeros[:], f.size)
		f.size += int64(n)
		if err != nil {
			return
		}
	}
}

// Sync makes all of the file durable.
func (f *logFile) Sync() error { return f.timed(func() error { return f.File.Sync() }) }

// SyncData makes the file's data durable.
func (f *logFile) SyncData() error { return f.timed(func() error { return f.File.SyncData() }) }

// timed runs a sync and counts how long it took.
func (f *logFile) timed(op func() error) error {
	begin := f.disk.clock.Now()
	err := f.do(op)
	if !f.directory {
		f.disk.sync.add(f.disk.clock.Now().Sub(begin))
	}
	return err
}

// SyncTo begins to make the first length bytes durable.
func (f *logFile) SyncTo(length int64) (full bool, err error) {
	err = f.do(func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// Preallocate reserves room; it is a matter of speed only.
func (f *logFile) Preallocate(offset, length int64) error {
	if f.File == nil || f.disk.fault.failed() {
		return nil
	}
	return f.File.Preallocate(offset, length)
}

// Stat describes the file.
func (f *logFile) Stat() (vfs.FileInfo, error) {
	if f.File == nil {
		return noInfo{}, nil
	}
	info, err := f.File.Stat()
	if err = f.disk.swallow(err); err != nil {
		return nil, err
	}
	if info == nil {
		return noInfo{}, nil
	}
	return info, nil
}

// Fd is the file's descriptor.
func (f *logFile) Fd() uintptr {
	if f.File == nil {
		return vfs.InvalidFd
	}
	return f.File.Fd()
}

// Close closes the file.
func (f *logFile) Close() error {
	if f.File == nil {
		return nil
	}
	return f.disk.swallow(f.File.Close())
}

// noInfo describes a file that could not be opened: empty.
type noInfo struct{}

var _ vfs.FileInfo = noInfo{}

// Name is empty.
func (noInfo) Name() string { return "" }

// Size is 0.
func (noInfo) Size() int64 { return 0 }

// Mode is that of a plain file.
func (noInfo) Mode() os.FileMode { return 0 }

// ModTime is the zero time.
func (noInfo) ModTime() time.Time { return time.Time{} }

// IsDir is false.
func (noInfo) IsDir() bool { return false }

// Sys is nil.
func (noInfo) Sys() any { return nil }

// DeviceID is none.
func (noInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
