package henge_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge"
)

// A node is away while clients write; it comes back, and holds everything that was
// acknowledged, without a read.
func TestWritesReachANodeThatWasAway(t *testing.T) {
	for name, size := range map[string]int{"of three, markers": 3, "of five, hints": 5} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, size, func(t *testing.T, c *testCluster) {
				away := size - 1
				c.close(away)
				const each = 100
				var clients sync.WaitGroup
				for i := range away {
					clients.Go(func() {
						for k := range each {
							key := fmt.Sprintf("key-%d-%d", i, k)
							if _, err := c.nodes[i].Bucket("default").Put(t.Context(), key, []byte(key), henge.WriteOptions{}); err != nil {
								t.Errorf("put %s: %v", key, err)
							}
						}
					})
				}
				clients.Wait()
				if owed := c.hints(); owed == 0 {
					t.Fatal("no hints are kept for the node that is away")
				}
				c.open(away)
				c.ready()
				time.Sleep(time.Minute)
				if owed := c.hints(); owed != 0 {
					t.Errorf("%d hints are owed a minute after it came back", owed)
				}
				for i := range away {
					for k := range each {
						checkReplicas(t, c, fmt.Sprintf("key-%d-%d", i, k))
					}
				}
			})
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
	inCluster(t, 3, func(t *testing.T, c *testCluster) {
		bucket := c.nodes[0].Bucket("default")
		const keys = 300
		for i := range keys {
			if _, err := bucket.Put(t.Context(), fmt.Sprintf("k%d", i), []byte("v"), henge.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := bucket.Delete(t.Context(), "k7", henge.WriteOptions{}); err != nil {
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
	})
}

// A retry under one operation id is one write; another body under the same id is
// another.
func TestRetriesAreOneWrite(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *testCluster) {
		for i := range 3 {
			if _, err := c.nodes[i].Bucket("default").Put(t.Context(), "k", []byte("v"), henge.WriteOptions{OpID: "op", W: henge.All}); err != nil {
				t.Fatal(err)
			}
		}
		value, err := c.nodes[0].Bucket("default").Get(t.Context(), "k", henge.ReadOptions{R: henge.All})
		if err != nil || len(value.Siblings) != 1 {
			t.Errorf("%d siblings after retries, %v; want 1", len(value.Siblings), err)
		}
		e, err := c.nodes[0].Explain(t.Context(), "default", "k")
		if err != nil {
			t.Fatal(err)
		}
		if n := len(e.Replicas[0].Context); n != 1 {
			t.Errorf("%d dots were minted for one operation", n)
		}
	})
}

func TestConditionsAndDeletes(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *testCluster) {
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
		if _, err := b.Delete(t.Context(), "k", henge.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		value, err := b.Get(t.Context(), "k", henge.ReadOptions{R: henge.All})
		if !errors.Is(err, henge.ErrNotFound) || value.Context == "" || len(value.Siblings) != 0 {
			t.Errorf("after a delete: %+v, %v", value, err)
		}
		if receipt, err := b.Delete(t.Context(), "never", henge.WriteOptions{}); err != nil || receipt.Context != "" {
			t.Errorf("delete of nothing: %+v, %v", receipt, err)
		}
	})
}

// With too few nodes alive a write fails at once, is told which are missing, and
// leaves nothing behind.
func TestLostQuorumIsTold(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *testCluster) {
		c.close(1)
		c.close(2)
		time.Sleep(time.Second) // an answer to a probe may be younger than the news, until the next probe
		for _, m := range c.nodes[0].Status(t.Context()).Members {
			if up := m.Name == "n1"; up != (m.Health == "up") {
				t.Errorf("%s is %s", m.Name, m.Health)
			}
		}
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
		if took := time.Since(started); took > 0 {
			t.Errorf("told after %v, though it was known", took)
		}
		if _, err := c.nodes[0].Bucket("default").Put(t.Context(), "k", []byte("v"), henge.WriteOptions{W: 1, IfNoneMatch: "*"}); err != nil {
			t.Errorf("w=1 on the node that is left, if nothing was left behind: %v", err)
		}
	})
}
