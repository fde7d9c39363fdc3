package replication

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

const dropKeys = 200 // more than a sweep removes before its first rest

// fill makes the bucket carts and puts keys into it, at every replica that is up.
func (c *cluster) fill(t *testing.T, by *testNode, value string, o request.WriteOptions) {
	t.Helper()
	if _, err := by.CreateBucket(t.Context(), ring.Bucket{Name: "carts"}); err != nil {
		t.Fatal(err)
	}
	for i := range dropKeys {
		if _, err := by.Put(t.Context(), "carts", fmt.Sprint(i), []byte(value), o); err != nil {
			t.Fatal(err)
		}
	}
}

// stored counts what a node's store has of the bucket, by value.
func (n *testNode) stored(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for r, err := range n.store.Scan(t.Context(), storage.ScanFrom{}, ^ring.Position(0)) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Key.Bucket == "carts" {
			counts[values(r.Object)]++
		}
	}
	return counts
}

// reads demands what a node reads of every key, asking so many replicas.
func (n *testNode) reads(t *testing.T, want string, r request.Count, fails error) {
	t.Helper()
	for i := range dropKeys {
		v, err := n.Get(t.Context(), "carts", fmt.Sprint(i), request.ReadOptions{R: r})
		got := ""
		for _, s := range v.Siblings {
			got += string(s.Data)
		}
		if got != want || !errors.Is(err, fails) || want == "" && v.Context != "" {
			t.Fatalf("%s reads %q of key %d, %v; want %q, %v", n.host, got, i, err, want, fails)
		}
	}
}

// A drop holds at once for whoever has the document; what is stored goes behind; and a
// bucket that is made again under the name is empty.
func TestADroppedBucketIsGoneForAll(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		ctx, n := t.Context(), c.nodes[0]
		c.fill(t, n, "old", request.WriteOptions{W: request.All})
		n.mustPut(t, "bystander", "stays", request.WriteOptions{W: request.All})
		b, err := n.Bucket("carts")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.nodes[1].DropBucket(ctx, "carts", b.Generation); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, n := range c.nodes {
			n.reads(t, "", 1, request.ErrNoBucket)
			if _, err := n.Put(ctx, "carts", "0", nil, request.WriteOptions{}); !errors.Is(err, request.ErrNoBucket) {
				t.Errorf("a put at %s: %v", n.host, err)
			}
		}
		if _, err := n.CreateBucket(ctx, ring.Bucket{Name: "carts"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, n := range c.nodes {
			n.reads(t, "", request.All, request.ErrNotFound)
		}
		if err := n.DropBucket(ctx, "carts", b.Generation); err != nil { // sent again
			t.Error(err)
		}
		if _, err := n.Bucket("carts"); err != nil {
			t.Errorf("the drop of the old one, sent again, dropped the new one: %v", err)
		}
		time.Sleep(time.Minute)
		for _, n := range c.nodes {
			if got := n.stored(t); len(got) > 0 {
				t.Errorf("%s has still %v", n.host, got)
			}
			if s := n.sweep.Stats(); s.Objects != dropKeys || s.Running {
				t.Errorf("%s swept %+v", n.host, s)
			}
			n.mustGet(t, "bystander", "stays", request.ReadOptions{R: 1})
		}
		if err := n.DropBucket(ctx, "none", 0); !errors.Is(err, request.ErrNoBucket) {
			t.Errorf("a drop of no bucket: %v", err)
		}
	})
}

// A node that was away while a bucket was dropped and made again: what it stored of the
// old one is neither served by it, nor joined to the new, nor given to others.
func TestANodeThatMissedADropBringsNothingBack(t *testing.T) {
	for name, tc := range map[string]struct {
		again bool // puts go into the new bucket before the node is back
	}{
		"an empty new bucket": {}, "a new bucket with values": {again: true},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 3, func(t *testing.T, c *cluster) {
				ctx, n, away := t.Context(), c.nodes[0], c.nodes[2]
				c.fill(t, n, "old", request.WriteOptions{W: request.All})
				c.cut(away, c.nodes[:2]...)
				if err := n.DropBucket(ctx, "carts", 0); err != nil {
					t.Fatal(err)
				}
				want, fails := "", request.ErrNotFound
				if tc.again {
					c.fill(t, n, "new", request.WriteOptions{W: 2})
					want, fails = "new", nil
				} else if _, err := n.CreateBucket(ctx, ring.Bucket{Name: "carts"}); err != nil {
					t.Fatal(err)
				}
				away.reads(t, "old", 1, nil) // it has not heard of it
				time.Sleep(5 * time.Second)  // until a failed dial is made anew
				c.mend(away, c.nodes[:2]...)
				time.Sleep(5 * time.Second)
				n.reads(t, want, request.All, fails)
				for _, n := range c.nodes {
					n.reads(t, want, request.All, fails)
					n.reads(t, want, 1, fails)
				}
				time.Sleep(time.Minute)
				for _, n := range c.nodes {
					if got := n.stored(t); got["old"] > 0 || len(got) > 1 || (got["new"] == dropKeys) != tc.again {
						t.Errorf("%s has %v", n.host, got)
					}
				}
			})
		})
	}
}

// A coordinator that has not heard of a drop is refused by those who have: its puts are
// not acknowledged, and what it stored itself is removed when it hears.
func TestAPutIntoADroppedBucketIsRefused(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		ctx, late := t.Context(), c.nodes[2]
		c.fill(t, c.nodes[0], "old", request.WriteOptions{W: request.All})
		next, err := late.agent.Document().WithoutBucket("carts")
		if err != nil {
			t.Fatal(err)
		}
		late.alone.Store(true)
		for _, n := range c.nodes[:2] {
			if err := n.agent.Adopt(ctx, next.Raw()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if _, err := late.Put(ctx, "carts", "0", []byte("late"), request.WriteOptions{W: 2}); err == nil || request.OutcomeOf(err) == request.Done {
			t.Errorf("by the old document: %v", err)
		}
		late.alone.Store(false)
		_, err = late.Put(ctx, "carts", "0", []byte("late"), request.WriteOptions{W: 2})
		if !errors.Is(err, request.ErrNoBucket) || request.OutcomeOf(err) != request.Unknown {
			t.Errorf("where the new one is learned of on the way: %v, outcome %s; want that there is no bucket, and that it may have been written", err, request.OutcomeOf(err))
		}
		time.Sleep(time.Minute)
		for _, n := range c.nodes {
			if got := n.stored(t); len(got) > 0 {
				t.Errorf("%s has %v", n.host, got)
			}
		}
	})
}

// Hints of a dropped bucket are let go, by fallbacks and by replicas, and are not sent.
func TestHintsOfADroppedBucketAreLetGo(t *testing.T) {
	for name, size := range map[string]int{"markers of replicas": 3, "hints of fallbacks": 4} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, size, func(t *testing.T, c *cluster) {
				n, away := c.nodes[0], c.nodes[size-1]
				c.cut(away, c.nodes[:size-1]...)
				c.fill(t, n, "old", request.WriteOptions{W: 2})
				time.Sleep(3 * time.Second) // until what is behind the answers is done
				owed := int64(0)
				for _, n := range c.nodes[:size-1] {
					owed += n.store.HintStats().Count
				}
				if owed < dropKeys/2 {
					t.Fatalf("%d hints are kept", owed)
				}
				if err := n.DropBucket(t.Context(), "carts", 0); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				for _, n := range c.nodes[:size-1] {
					if s := n.store.HintStats(); s.Count > 0 || len(n.stored(t)) > 0 {
						t.Errorf("%s keeps %d hints and %v", n.host, s.Count, n.stored(t))
					}
				}
				c.mend(away, c.nodes[:size-1]...)
				time.Sleep(time.Minute)
				if got := away.stored(t); len(got) > 0 {
					t.Errorf("%s was sent %v", away.host, got)
				}
			})
		})
	}
}
