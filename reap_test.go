package henge_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hengedb/henge"
)

// gauge reads one of a node's metrics.
func gauge(t *testing.T, n *henge.Node, name string) float64 {
	t.Helper()
	families, err := n.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return cmp.Or(m.GetGauge().GetValue(), m.GetCounter().GetValue())
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// What is deleted leaves the disks for good, once no copy is left anywhere; a node that
// was away for longer than the grace period brings nothing back. By hand with
// HENGE_KEYS=1000000.
func TestWhatIsReapedLeavesTheDisksAndStaysAway(t *testing.T) {
	keys := 3000
	if text := os.Getenv("HENGE_KEYS"); text != "" {
		var err error
		if keys, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	c := openCluster(t, 3)
	if _, err := c.nodes[0].SetSettings(t.Context(), func(s henge.Settings) (henge.Settings, error) {
		s.GraceMillis = 1
		return s, nil
	}); err != nil {
		t.Fatal(err)
	}
	all := func(nodes []*henge.Node, what string, do func(b *henge.Bucket, key string) error) {
		t.Helper()
		began := time.Now()
		var next atomic.Int64
		var working sync.WaitGroup
		for w := range 16 {
			working.Go(func() {
				b := nodes[w%len(nodes)].Bucket("default")
				for i := next.Add(1); int(i) <= keys && !t.Failed(); i = next.Add(1) {
					patiently(t, func() error { return do(b, fmt.Sprintf("key-%d", i)) })
				}
			})
		}
		working.Wait()
		t.Logf("%d keys %s in %.1f s", keys, what, time.Since(began).Seconds())
	}
	value := make([]byte, 100)
	all(c.nodes, "put", func(b *henge.Bucket, key string) error {
		_, err := b.Put(t.Context(), key, value, henge.WriteOptions{Unsynced: henge.On, Timeout: patience})
		return err
	})
	before := gauge(t, c.nodes[0], "henge_store_disk_bytes")
	c.close(2) // it has all of them, and is away for longer than the grace period
	all(c.nodes[:2], "deleted", func(b *henge.Bucket, key string) error {
		_, err := b.Delete(t.Context(), key, henge.WriteOptions{Unsynced: henge.On, Timeout: patience})
		return err
	})
	if reaped := gauge(t, c.nodes[0], "henge_reaped_keys_total"); reaped != 0 {
		t.Fatalf("%v keys were reaped while a member was away", reaped)
	}
	c.reopen(2)
	began := time.Now()
	for _, n := range c.nodes {
		for gauge(t, n, "henge_deleted_keys") > 0 || gauge(t, n, "henge_exchange_trees_unknown") > 0 {
			if time.Since(began) > 20*time.Minute {
				t.Fatalf("%+v", n.Status(t.Context()).Deletes)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	t.Logf("reaped %.1f s after the return of the one that was away", time.Since(began).Seconds())
	for i, n := range c.nodes {
		for keys >= 100_000 { // what fits into a memtable is removed from the tables when that is full
			now := gauge(t, n, "henge_store_table_bytes")
			if now < before/100 || time.Since(began) > 20*time.Minute {
				t.Logf("node %d: %.0f bytes on disk with all keys, %.0f bytes of tables when all were reaped", i+1, before, now)
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	for i := range min(keys, 1000) {
		for _, n := range c.nodes {
			if _, err := n.Bucket("default").Get(t.Context(), fmt.Sprintf("key-%d", i+1), henge.ReadOptions{R: henge.All, Timeout: patience}); !errors.Is(err, henge.ErrNotFound) {
				t.Fatalf("key-%d is back: %v", i+1, err)
			}
		}
	}
}
