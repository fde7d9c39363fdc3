package storage

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/storage/clock"
)

// errDiskRefused is what Pebble's background work gets from the disk of a failed
// store.
var errDiskRefused = errors.New("the store failed before: nothing more is written")

// retryPause is how long a failed background write waits before Pebble hears of
// it. Pebble retries a failed flush at once and for ever: on a full disk that
// would be thousands of attempts a second. A longer pause would only delay the
// recovery once there is room again.
const retryPause = 50 * time.Millisecond

// disk is the file system that Pebble sees. It exists because Pebble cannot be
// told of every error and live. An error of the log's file while Pebble changes
// logs is a panic with a mutex unlocked twice, which ends the process and cannot
// be recovered from; an error of the manifest is Fatalf with the database's
// mutex held. So neither reaches Pebble:
//
//   - An error on the log (write, sync, create, close, the directory's sync) sets
//     the failed mark, and then Pebble is told that all went well. Nothing is
//     acknowledged on that word, because the mark is read after every sync.
//   - An error on the manifest sets the mark and parks the goroutine, which is one
//     of Pebble's own, before Pebble takes its mutex.
//   - Of these, a disk without room for a write or a new file is waited for: nothing was
//     written that is not known, and room comes back. A sync is never tried again: what
//     it failed to write may be lost already.
//   - Other errors (tables) are Pebble's to deal with: it tries again.
//
// Once the mark is set nothing more reaches the disk: what is there is what a
// crash at that moment would have left. While the store is being opened, errors
// on the goroutine that opens it pass: Open reports them.
type disk struct {
	vfs.FS
	fault   *fault
	clock   clock.Clock
	onFail  func(cause error)
	onFull  func(cause error)
	opened  atomic.Bool
	busy    atomic.Int64  // operations inside the real file system that change it
	frozen  once          // done once the store failed and no operation was under way: nothing changes any more
	parked  once          // done once a goroutine of Pebble's was parked
	closing chan struct{} // closed when the store closes: no more pauses
	sync    latency       // of the log's syncs
}

// isLog and isManifest tell the files by the names that Pebble gives them.
func (d *disk) isLog(name string) bool { return strings.HasSuffix(name, ".log") }

func (d *disk) isManifest(name string) bool {
	base := d.PathBase(name)
	return strings.HasPrefix(base, "MANIFEST-") || strings.HasPrefix(base, "marker.")
}

// enter begins an operation that changes the disk; it reports false when the
// store failed and nothing may change any more. leave ends it.
func (d *disk) enter() bool {
	d.busy.Add(1)
	if !d.fault.failed() {
		return true
	}
	d.leave()
	return false
}

func (d *disk) leave() {
	if d.busy.Add(-1) == 0 && d.fault.failed() {
		d.frozen.do()
	}
}

// reported tells whether an error may pass: pebble.Open will return it.
func (d *disk) reported() bool { return !d.opened.Load() && onOwnGoroutine() }

// swallow judges the error of an operation on the log: it sets the mark, and the
// operation is reported as done.
func (d *disk) swallow(err error) error {
	if err == nil || d.reported() {
		return err
	}
	d.onFail(err)
	return nil
}

// manifest runs an operation on the manifest, and parks if it cannot be done.
func (d *disk) manifest(op func() error) error {
	if !d.enter() {
		d.parkForever()
	}
	err := op()
	d.leave()
	if err != nil && !d.reported() {
		d.onFail(err)
		d.parkForever()
	}
	return err
}

// parkForever never returns: the caller is one of Pebble's goroutines, and what
// it would do next ends the process or hides the failure.
func (d *disk) parkForever() {
	d.parked.do()
	select {}
}

// background runs any other operation that changes the disk; an error is
// Pebble's, after a pause.
func (d *disk) background(op func() error) error {
	err := errDiskRefused
	if d.enter() {
		err = op()
		d.leave()
	}
	if err != nil && d.opened.Load() && !os.IsNotExist(err) {
		d.pause(retryPause)
	}
	return err
}

// roomy runs an operation on the log or manifest that may be tried again, for as long as
// the disk has no room for it.
func (d *disk) roomy(op func() error) error {
	for {
		err := op()
		if !errors.Is(err, syscall.ENOSPC) || d.reported() || d.over() {
			return err
		}
		d.onFull(err)
		d.pause(retryPause)
	}
}

// write writes all of p to a file of the log or manifest, however often that takes.
func (d *disk) write(f vfs.File, p []byte) (int, error) {
	all := len(p)
	err := d.roomy(func() error {
		n, err := f.Write(p)
		p = p[n:]
		return err
	})
	return all - len(p), err
}

// over reports whether there is nothing to wait for any more.
func (d *disk) over() bool {
	select {
	case <-d.closing:
		return true
	case <-d.fault.done:
		return true
	default:
		return false
	}
}

// pause waits for so long, or until the store closes or fails.
func (d *disk) pause(long time.Duration) {
	done := make(chan struct{})
	timer := d.clock.AfterFunc(long, func() { close(done) })
	defer timer.Stop()
	select {
	case <-done:
	case <-d.closing:
	case <-d.fault.done:
	}
}

// run chooses by the file's name how an operation on it is judged.
func (d *disk) run(name string, op func() error) error {
	if d.isManifest(name) {
		return d.manifest(op)
	}
	return d.background(op)
}

// Create makes a file for writing.
func (d *disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.open(name, func() (vfs.File, error) { return d.FS.Create(name, category) })
}

// ReuseForWrite makes a new log of an old one.
func (d *disk) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.open(newname, func() (vfs.File, error) { return d.FS.ReuseForWrite(oldname, newname, category) })
}

// OpenReadWrite opens a file for writing.
func (d *disk) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.open(name, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, category, opts...) })
}

// open opens a file for writing through do, and wraps it.
func (d *disk) open(name string, do func() (vfs.File, error)) (vfs.File, error) {
	if d.isLog(name) {
		return d.openLog(do)
	}
	var f vfs.File
	create := func() (err error) {
		f, err = do()
		return err
	}
	manifest := d.isManifest(name)
	err := d.run(name, func() error {
		if manifest {
			return d.roomy(create)
		}
		return create()
	})
	if err != nil {
		return nil, err
	}
	return &diskFile{File: f, disk: d, manifest: manifest, run: func(op func() error) error { return d.run(name, op) }}, nil
}

// openLog opens a log's file through do. What cannot be opened any more is
// replaced by a file that forgets.
func (d *disk) openLog(do func() (vfs.File, error)) (vfs.File, error) {
	if !d.enter() {
		return &logFile{disk: d}, nil
	}
	var f vfs.File
	err := d.roomy(func() (err error) {
		f, err = do()
		return err
	})
	d.leave()
	if err = d.swallow(err); err != nil {
		return nil, err
	}
	log := &logFile{File: f, disk: d}
	info, err := log.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	log.size = info.Size() // above 0 where a log's file is used again
	return log, nil
}

// OpenDir opens a directory for syncing, which belongs to changing logs: its
// errors are judged as the log's.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &logFile{File: f, disk: d, directory: true}, nil
}

// Link makes a second name for a file.
func (d *disk) Link(oldname, newname string) error {
	return d.run(newname, func() error { return d.FS.Link(oldname, newname) })
}

// Remove removes a file.
func (d *disk) Remove(name string) error {
	return d.background(func() error { return d.FS.Remove(name) })
}

// RemoveAll removes a directory and what is in it.
func (d *disk) RemoveAll(name string) error {
	return d.background(func() error { return d.FS.RemoveAll(name) })
}

// Rename renames a file.
func (d *disk) Rename(oldname, newname string) error {
	return d.run(newname, func() error { return d.FS.Rename(oldname, newname) })
}

// MkdirAll makes a directory and its parents.
func (d *disk) MkdirAll(dir string, perm os.FileMode) error {
	return d.background(func() error { return d.FS.MkdirAll(dir, perm) })
}

// Lock is the inner file system's: the lock outlives a failure.
func (d *disk) Lock(name string) (io.Closer, error) { return d.FS.Lock(name) }

// Unwrap returns the inner file system.
func (d *disk) Unwrap() vfs.FS { return d.FS }
