package replication

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// disks are a cluster's, of which copies can be made.
type disks map[int]*vfs.MemFS

func (d disks) of(i int) vfs.FS {
	d[i] = vfs.NewCrashableMem()
	return d[i]
}

// copyOf is a copy of what a disk holds, all of it that is synced.
func (d disks) copyOf(i int) *vfs.MemFS { return d[i].CrashClone(vfs.CrashCloneCfg{}) }

// awaitReaped waits until no replica holds anything of keys.
func (c *cluster) awaitReaped(t *testing.T, keys ...string) {
	t.Helper()
	for range 120 {
		time.Sleep(5 * time.Second)
		left := slices.ContainsFunc(keys, func(key string) bool {
			return slices.ContainsFunc(c.nodes, func(n *testNode) bool { return n.raw(t, key) != "" })
		})
		if !left {
			return
		}
	}
	for _, n := range c.nodes {
		t.Logf("%s: %+v", n.host, n.Reap().Report())
	}
	t.Fatalf("%v are not reaped after ten minutes", keys)
}

// raw is holds, of a node that may be fenced: then it holds "fenced".
func (n *testNode) raw(t *testing.T, key string) string {
	t.Helper()
	o, err := n.store.Read(t.Context(), storage.Key{Bucket: "default", Key: key})
	if err != nil {
		return "fenced"
	}
	return values(o)
}

// restore ends a node and starts it again over a copy of its disk. Before it serves,
// prepare may see to what the copy holds.
func (c *cluster) restore(t *testing.T, d disks, i int, disk *vfs.MemFS, prepare func(*storage.Store)) {
	t.Helper()
	n := c.nodes[i]
	doc := n.agent.Document()
	n.stop()
	d[i] = disk
	n.open(t, disk)
	if prepare != nil {
		if err := n.store.Install(doc); err != nil {
			t.Fatal(err)
		}
		prepare(n.store)
	}
	c.start(n)
	if err := n.agent.Adopt(t.Context(), doc.Raw()); err != nil {
		t.Fatal(err)
	}
}

// whole waits until a node is fenced nowhere, once it was.
func (n *testNode) whole(t *testing.T) {
	t.Helper()
	for range 300 {
		if time.Sleep(time.Second); n.Counters().Fenced.Load() > 0 && len(n.store.Fenced()) == 0 {
			return
		}
	}
	t.Fatalf("%s has been fenced %d times, and is in %v after five minutes: %+v", n.host, n.Counters().Fenced.Load(), n.store.Fenced(), n.Fence().States())
}

// shortGrace has what is deleted be reaped soon.
func (c *cluster) shortGrace(t *testing.T) {
	t.Helper()
	c.set(t, func(s *ring.Settings) { s.GraceMillis = 1 }, c.nodes...)
}

// keysOf are some keys of which a node is a primary.
func (c *cluster) keysOf(n *testNode, prefix string, count int) (keys []string) {
	for i := 0; len(keys) < count; i++ {
		if key := fmt.Sprintf("%s-%d", prefix, i); slices.Contains(c.entry(key).Serving, n.self) {
			keys = append(keys, key)
		}
	}
	return keys
}

// plantOld has a store hold an object that nobody else has.
func plantOld(t *testing.T, s *storage.Store, doc *ring.Document, key, value string) {
	t.Helper()
	bucket, _ := doc.Bucket("default")
	o := (*causal.Object)(nil).Put(causal.Write{
		Dot: causal.Dot{Actor: 4711, Counter: 1}, Stamp: 1, Policy: causal.Siblings, Generation: bucket.Generation, Value: []byte(value),
	})
	commit, err := s.Write(t.Context(), storage.Key{Bucket: "default", Key: key}, storage.KindJoin, func(tx *storage.Tx) error {
		tx.SetObject(o)
		return nil
	})
	if err == nil {
		err = commit.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}
