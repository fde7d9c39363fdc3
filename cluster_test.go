package henge_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge"
)

// testCluster is a cluster of real nodes on loopback, which can be closed and
// opened again.
type testCluster struct {
	t     *testing.T
	dir   string
	nodes []*henge.Node
	addrs []henge.Addrs
}

func openCluster(t *testing.T, size int) *testCluster {
	t.Helper()
	c := &testCluster{t: t, dir: t.TempDir(), nodes: make([]*henge.Node, size), addrs: make([]henge.Addrs, size)}
	t.Cleanup(func() {
		for _, node := range c.nodes {
			if node != nil {
				if err := node.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		}
	})
	for i := range size {
		o := henge.Options{RPC: "127.0.0.1:0", Gossip: "127.0.0.1:0"}
		if i == 0 {
			o.Init, o.Expect = true, size
		} else {
			o.Join = []string{c.addrs[0].Gossip}
		}
		c.open(i, o)
	}
	c.ready()
	return c
}

func (c *testCluster) open(i int, o henge.Options) {
	c.t.Helper()
	o.Name, o.LocalGossip = fmt.Sprintf("n%d", i+1), true
	o.ExchangeEvery, o.ReapEvery = time.Second, 200*time.Millisecond // what takes its time in a day need not in a test
	node, err := henge.Open(c.t.Context(), filepath.Join(c.dir, o.Name), o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[i], c.addrs[i] = node, node.Addrs()
}

func (c *testCluster) ready() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	for i, node := range c.nodes {
		if err := node.Ready(ctx); err != nil {
			c.t.Fatalf("node %d: %v", i, err)
		}
	}
}

func (c *testCluster) close(i int) {
	c.t.Helper()
	if err := c.nodes[i].Close(); err != nil {
		c.t.Fatal(err)
	}
	c.nodes[i] = nil
}

// reopen starts a node again where it was.
func (c *testCluster) reopen(i int) {
	c.t.Helper()
	c.open(i, henge.Options{RPC: c.addrs[i].RPC, Gossip: c.addrs[i].Gossip, Join: []string{c.addrs[(i+1)%len(c.addrs)].Gossip}})
}

// patience is the timeout of requests whose time is not what is tested: machines
// that run tests are busy.
const patience = 20 * time.Second

// patiently makes a request again while nodes are thought to be away: a busy machine
// makes them silent for longer than the cap.
func patiently(t *testing.T, request func() error) {
	t.Helper()
	var err error
	waitFor(t, "a quorum", func() bool {
		err = request()
		return !errors.Is(err, henge.ErrQuorum)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (c *testCluster) hints() (owed int64) {
	for _, node := range c.nodes {
		if node != nil {
			owed += node.Status(c.t.Context()).Hints.Count
		}
	}
	return owed
}

// A node is away while three clients write; it comes back, and holds everything
// that was acknowledged, without a read.
func TestWritesReachANodeThatWasAway(t *testing.T) {
	for name, size := range map[string]int{"of three, markers": 3, "of five, hints": 5} {
		t.Run(name, func(t *testing.T) {
			c := openCluster(t, size)
			away := size - 1
			c.close(away)
			const each = 100
			var clients sync.WaitGroup
			for i := range away {
				clients.Go(func() {
					for k := range each {
						key := fmt.Sprintf("key-%d-%d", i, k)
						if _, err := c.nodes[i].Bucket("default").Put(t.Context(), key, []byte(key), henge.WriteOptions{Timeout: patience}); err != nil {
							t.Errorf("put %s: %v", key, err)
						}
					}
				})
			}
			clients.Wait()
			if owed := c.hints(); owed == 0 {
				t.Fatal("no hints are kept for the node that is away")
			}
			c.reopen(away)
			c.ready()
			waitFor(t, "every hint delivered", func() bool { return c.hints() == 0 })
			for i := range away {
				for k := range each {
					key := fmt.Sprintf("key-%d-%d", i, k)
					checkReplicas(t, c, key)
				}
			}
		})
	}
}

// checkReplicas demands that every primary holds the same.
func checkReplicas(t *testing.T, c *testCluster, key string) {
	t.Helper()
	e, err := c.nodes[0].Explain(t.Context(), "default", key)
	if err != nil {
		t.Fatal(err)
	}
	digests := make(map[string]bool)
	primaries := 0
	for _, r := range e.Replicas {
		if r.Role == "primary" {
			primaries++
			digests[r.Digest] = true
		}
	}
	if primaries != 3 || len(digests) != 1 || digests[""] {
		t.Errorf("%s: %d primaries with digests %v", key, primaries, digests)
	}
}

func TestScanListsEachKeyOnce(t *testing.T) {
	c := openCluster(t, 3)
	bucket := c.nodes[0].Bucket("default")
	const keys = 300
	for i := range keys {
		if _, err := bucket.Put(t.Context(), fmt.Sprintf("k%d", i), []byte("v"), henge.WriteOptions{Timeout: patience}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := bucket.Delete(t.Context(), "k7", henge.WriteOptions{Timeout: patience}); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	cursor := ""
	for range keys {
		n := 0
		for e, err := range c.nodes[1].Bucket("default").Scan(t.Context(), henge.ScanOptions{Cursor: cursor, Limit: 50, Values: true}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			seen[e.Key]++
			cursor = e.Cursor
			if data, ok := e.Value.Bytes(); !ok || string(data) != "v" {
				t.Fatalf("%s: %q, %v", e.Key, data, ok)
			}
		}
		if n < 50 {
			break
		}
	}
	if len(seen) != keys-1 || seen["k7"] != 0 {
		t.Errorf("%d keys listed, want %d; k7 %d times", len(seen), keys-1, seen["k7"])
	}
	for key, times := range seen {
		if times != 1 {
			t.Errorf("%s listed %d times", key, times)
		}
	}
}

// A retry under one operation id is one write; another body under the same id is
// another.
func TestRetriesAreOneWrite(t *testing.T) {
	c := openCluster(t, 3)
	for i := range 3 {
		patiently(t, func() error {
			_, err := c.nodes[i].Bucket("default").Put(t.Context(), "k", []byte("v"), henge.WriteOptions{OpID: "op", W: henge.All, Timeout: patience})
			return err
		})
	}
	var value henge.Value
	patiently(t, func() (err error) {
		value, err = c.nodes[0].Bucket("default").Get(t.Context(), "k", henge.ReadOptions{R: henge.All, Timeout: patience})
		return err
	})
	if len(value.Siblings) != 1 {
		t.Errorf("%d siblings after retries, want 1", len(value.Siblings))
	}
	e, err := c.nodes[0].Explain(t.Context(), "default", "k")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(e.Replicas[0].Context); n != 1 {
		t.Errorf("%d dots were minted for one operation", n)
	}
}

func TestConditionsAndDeletes(t *testing.T) {
	c := openCluster(t, 3)
	b := c.nodes[0].Bucket("default")
	receipt, err := b.Put(t.Context(), "k", []byte("1"), henge.WriteOptions{IfNoneMatch: "*"})
	if err != nil || !receipt.Created {
		t.Fatalf("first put: %+v, %v", receipt, err)
	}
	if _, err := b.Put(t.Context(), "k", []byte("2"), henge.WriteOptions{IfNoneMatch: "*"}); !errors.Is(err, henge.ErrPrecondition) {
		t.Errorf("second If-None-Match: %v", err)
	}
	if _, err := b.Put(t.Context(), "k", []byte("2"), henge.WriteOptions{IfMatch: receipt.ETag}); err != nil {
		t.Errorf("If-Match of the present value: %v", err)
	}
	if _, err := b.Put(t.Context(), "k", []byte("3"), henge.WriteOptions{IfMatch: receipt.ETag}); !errors.Is(err, henge.ErrPrecondition) {
		t.Errorf("If-Match of an old value: %v", err)
	}
	if _, err := b.Delete(t.Context(), "k", henge.WriteOptions{Timeout: patience}); err != nil {
		t.Fatal(err)
	}
	var value henge.Value
	patiently(t, func() (err error) {
		value, err = b.Get(t.Context(), "k", henge.ReadOptions{R: henge.All, Timeout: patience})
		if errors.Is(err, henge.ErrNotFound) {
			return nil
		}
		return err
	})
	if value.Context == "" || len(value.Siblings) != 0 {
		t.Errorf("after a delete: %+v", value)
	}
	if receipt, err := b.Delete(t.Context(), "never", henge.WriteOptions{Timeout: patience}); err != nil || receipt.Context != "" {
		t.Errorf("delete of nothing: %+v, %v", receipt, err)
	}
}

// With too few nodes alive a write fails at once, is told which are missing, and
// leaves nothing behind.
func TestLostQuorumIsTold(t *testing.T) {
	c := openCluster(t, 3)
	c.close(1)
	c.close(2)
	waitFor(t, "both nodes seen away", func() bool {
		down := 0
		for _, m := range c.nodes[0].Status(t.Context()).Members {
			if m.Health != "up" {
				down++
			}
		}
		return down == 2
	})
	started := time.Now()
	_, err := c.nodes[0].Bucket("default").Put(t.Context(), "k", []byte("v"), henge.WriteOptions{Timeout: 10 * time.Second})
	var quorum *henge.QuorumError
	if !errors.As(err, &quorum) || quorum.Got != 0 || quorum.Need != 2 || len(quorum.Replicas) != 2 || quorum.Outcome != henge.None {
		t.Fatalf("put: %v", err)
	}
	for _, r := range quorum.Replicas {
		if r.Result != "down" || r.Detail == "" || r.Role != "primary" {
			t.Errorf("%s: %s %s %q; want a primary that is down, and why", r.Name, r.Role, r.Result, r.Detail)
		}
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("told after %v", took)
	}
	if _, err := c.nodes[0].Bucket("default").Put(t.Context(), "k", []byte("v"), henge.WriteOptions{W: 1, IfNoneMatch: "*"}); err != nil {
		t.Errorf("w=1 on the node that is left, if nothing was left behind: %v", err)
	}
}
