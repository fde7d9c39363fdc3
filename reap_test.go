package henge_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
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
	inCluster(t, 3, func(t *testing.T, c *testCluster) {
		if _, err := c.nodes[0].SetSettings(t.Context(), func(s henge.Settings) (henge.Settings, error) {
			s.GraceMillis = 1
			return s, nil
		}); err != nil {
			t.Fatal(err)
		}
		value := make([]byte, 100)
		each(t, c.nodes, keys, func(b *henge.Bucket, key string) error {
			_, err := b.Put(t.Context(), key, value, henge.WriteOptions{})
			return err
		})
		before := gauge(t, c.nodes[0], "henge_store_table_bytes")
		c.close(2) // it has all of them, and is away for longer than the grace period
		each(t, c.nodes[:2], keys, func(b *henge.Bucket, key string) error {
			_, err := b.Delete(t.Context(), key, henge.WriteOptions{})
			return err
		})
		time.Sleep(time.Minute)
		if reaped := gauge(t, c.nodes[0], "henge_reaped_keys_total"); reaped != 0 {
			t.Fatalf("%v keys were reaped while a member was away", reaped)
		}
		c.open(2)
		c.ready()
		began := time.Now()
		for left := 1.0; left > 0; {
			time.Sleep(10 * time.Second)
			left = 0
			for _, n := range c.nodes {
				left += gauge(t, n, "henge_deleted_keys") + gauge(t, n, "henge_exchange_trees_unknown")
			}
			if time.Since(began) > 3*time.Hour {
				t.Fatalf("%+v", c.nodes[0].Status(t.Context()).Deletes)
			}
		}
		t.Logf("%d keys reaped %v of virtual time after the return of the one that was away", keys, time.Since(began))
		for i, n := range c.nodes {
			now := gauge(t, n, "henge_store_table_bytes")
			t.Logf("node %d: tables of %.0f bytes in use, %.0f with all keys", i+1, now, before)
			if keys >= 100_000 && now > before/100 { // what fits into a memtable is removed from tables when that is full
				t.Errorf("that is more than a hundredth")
			}
		}
		for i := range min(keys, 1000) {
			for _, n := range c.nodes {
				if _, err := n.Bucket("default").Get(t.Context(), fmt.Sprintf("key-%d", i), henge.ReadOptions{R: henge.All}); !errors.Is(err, henge.ErrNotFound) {
					t.Fatalf("key-%d is back: %v", i, err)
				}
			}
		}
	})
}

// each does something with every key, through several nodes at once.
func each(t *testing.T, nodes []*henge.Node, keys int, do func(b *henge.Bucket, key string) error) {
	t.Helper()
	var working sync.WaitGroup
	const workers = 16
	for w := range workers {
		working.Go(func() {
			for i := w; i < keys && !t.Failed(); i += workers {
				if err := do(nodes[w%len(nodes)].Bucket("default"), fmt.Sprintf("key-%d", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
}
