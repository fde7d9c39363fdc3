package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// everything is the last position of the ring.
const everything = ^ring.Position(0)

// testPartitions is the Q of the tests' documents.
const testPartitions = 8

// sickDisk is a file system whose operations fail as a test says.
type sickDisk struct {
	vfs.FS
	judge atomic.Pointer[func(errorfs.Op) error]
}

// newSickDisk wraps inner, which is well until told otherwise.
func newSickDisk(inner vfs.FS) *sickDisk {
	d := &sickDisk{}
	d.FS = errorfs.Wrap(inner, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if judge := d.judge.Load(); judge != nil {
			return (*judge)(op)
		}
		return nil
	}))
	return d
}

// ReuseForWrite makes a new file in the place of the old one, which the interface
// allows: errorfs would let the operations of a reused one through.
func (d *sickDisk) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if judge := d.judge.Load(); judge != nil {
		if err := (*judge)(errorfs.Op{Kind: errorfs.OpReuseForWrite, Path: newname}); err != nil {
			return nil, err
		}
	}
	if err := d.Remove(oldname); err != nil {
		return nil, err
	}
	return d.Create(newname, category)
}

// fail makes operations fail with what judge says.
func (d *sickDisk) fail(judge func(errorfs.Op) error) { d.judge.Store(&judge) }

// heal makes all operations succeed.
func (d *sickDisk) heal() { d.judge.Store(nil) }

// open opens a store, and closes it at the end of the test if nobody did.
func open(t testing.TB, fs vfs.FS, o Options) *Store {
	t.Helper()
	o.FS = fs
	s, err := Open("store", o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the test itself checks Close where it matters
	install(t, s, 1, s.NodeID())
	return s
}

// install installs a document in which nodes serve all partitions.
func install(t testing.TB, s *Store, version uint64, nodes ...ring.NodeID) {
	t.Helper()
	if err := s.Install(document(version, nodes...)); err != nil {
		t.Fatalf("install: %v", err)
	}
}

// document is one in which nodes are the members, and serve all partitions.
func document(version uint64, nodes ...ring.NodeID) *ring.Document {
	d := &ring.Document{Version: version, Partitions: testPartitions}
	for _, id := range nodes {
		d.Members = append(d.Members, ring.Member{ID: id})
	}
	for range testPartitions {
		d.Layout = append(d.Layout, ring.Entry{Serving: nodes, Changed: version})
	}
	return d
}

// key is the n-th key of the tests.
func key(n int) Key { return Key{Bucket: "fruit", Key: fmt.Sprintf("key-%d", n)} }

// putting returns a change that puts value in the place of all that is there.
func putting(value []byte) func(*Tx) error {
	return func(tx *Tx) error {
		dot, stamp, err := tx.Mint(causal.Context{})
		if err != nil {
			return err
		}
		tx.SetObject(tx.Object().Put(causal.Write{
			Dot: dot, Stamp: stamp, Value: value, Policy: causal.Siblings, Generation: 1, Epoch: tx.Partition().Epochs.Raised,
		}))
		return nil
	}
}

// put writes value under k and waits for the disk.
func put(ctx context.Context, s *Store, k Key, value []byte) error {
	c, err := s.Write(ctx, k, KindPut, putting(value))
	if err != nil {
		return err
	}
	return c.Wait(ctx)
}

// mustPut is put, and ends the test if it fails.
func mustPut(t testing.TB, s *Store, k Key, value []byte) {
	t.Helper()
	if err := put(t.Context(), s, k, value); err != nil {
		t.Fatalf("put %v: %v", k, err)
	}
}

// value reads the one value under k; nil is none.
func value(t testing.TB, s *Store, k Key) []byte {
	t.Helper()
	o, err := s.Read(t.Context(), k)
	if err != nil {
		t.Fatalf("read %v: %v", k, err)
	}
	if o == nil {
		return nil
	}
	if len(o.Siblings) != 1 {
		t.Fatalf("key %v has %d siblings, want 1", k, len(o.Siblings))
	}
	return o.Siblings[0].Value
}

// number and numeral turn numbers into values and back; no value is 0.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func numeral(v []byte) uint64 {
	if v == nil {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}
