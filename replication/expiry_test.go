package replication

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// shows demands that every node by itself shows these values of a key, and lists the key
// if there are any.
func (c *cluster) shows(t *testing.T, key, want string) {
	t.Helper()
	synctest.Wait()
	for _, n := range c.nodes {
		n.mustGet(t, key, want, request.ReadOptions{R: 1})
		listed := false
		for e, err := range n.Scan(t.Context(), "default", request.ScanOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			listed = listed || e.Key == key
		}
		if listed != (want != "") {
			t.Errorf("%s lists the key: %v, while it shows %q", n.host, listed, want)
		}
	}
}

func TestAValueIsHiddenWhenItExpires(t *testing.T) {
	const ttl = 10 * time.Second
	for name, tc := range map[string]struct {
		options func() request.WriteOptions
		bucket  time.Duration // its default
		never   bool
	}{
		"a TTL":                        {options: func() request.WriteOptions { return request.WriteOptions{TTL: ttl} }},
		"a time":                       {options: func() request.WriteOptions { return request.WriteOptions{ExpiresAt: time.Now().Add(ttl)} }},
		"the bucket's TTL":             {bucket: ttl, options: func() request.WriteOptions { return request.WriteOptions{} }},
		"a TTL in place of the bucket": {bucket: time.Hour, options: func() request.WriteOptions { return request.WriteOptions{TTL: ttl} }},
		"none in place of the bucket":  {bucket: ttl, never: true, options: func() request.WriteOptions { return request.WriteOptions{TTL: request.NoTTL} }},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 5, func(t *testing.T, c *cluster) {
				key, p, others := c.key(0)
				if tc.bucket != 0 {
					if _, err := p[0].SetBucket(t.Context(), "default", func(b ring.Bucket) (ring.Bucket, error) {
						b.TTLMillis = tc.bucket.Milliseconds()
						return b, nil
					}); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				o := tc.options()
				o.W, o.Return = request.All, true
				start := time.Now()
				receipt := others[0].mustPut(t, key, "v", o) // by a hop
				want := start.Add(ttl).UTC()
				if got := receipt.Value.Siblings[0].Expires; !got.Equal(want) && !tc.never || tc.never && !got.IsZero() {
					t.Fatalf("it expires at %v, want %v", got, want)
				}
				time.Sleep(ttl - time.Millisecond)
				c.shows(t, key, "v")
				time.Sleep(time.Millisecond)
				if tc.never {
					c.shows(t, key, "v")
					return
				}
				for i, n := range c.nodes {
					if v, err := n.Get(t.Context(), "default", key, request.ReadOptions{R: 1}); !errors.Is(err, request.ErrNotFound) || v.Context == "" {
						t.Errorf("node %d: %+v, %v; want nothing, with a context", i, v, err)
					}
				}
				c.shows(t, key, "")
				e, err := others[0].Explain(t.Context(), "default", key)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range e.Replicas[:3] {
					if len(r.Siblings) != 1 || r.Siblings[0].Shown || !r.Siblings[0].Expires.Equal(want) {
						t.Errorf("explained as %+v, want one that expired at %v", r.Siblings, want)
					}
				}
			})
		})
	}
}

// What has expired is nothing to conditions, to merges, and beside other values.
func TestAnExpiredValueCountsForNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		ops func(t *testing.T, c *cluster, key string, p []*testNode, expired request.Value)
	}{
		"If-None-Match wins": {func(t *testing.T, _ *cluster, key string, p []*testNode, _ request.Value) {
			if r := p[1].mustPut(t, key, "new", request.WriteOptions{IfNoneMatch: "*", W: request.All}); !r.Created {
				t.Error("it was not told that it made the value")
			}
		}},
		"If-Match of its tag loses": {func(t *testing.T, _ *cluster, key string, p []*testNode, expired request.Value) {
			if _, err := p[1].Put(t.Context(), "default", key, []byte("x"), request.WriteOptions{IfMatch: expired.ETag}); !errors.Is(err, request.ErrPrecondition) {
				t.Errorf("a put on the condition of what expired: %v", err)
			}
			p[1].mustPut(t, key, "new", request.WriteOptions{W: request.All})
		}},
		"an update merges nothing": {func(t *testing.T, _ *cluster, key string, p []*testNode, _ request.Value) {
			_, err := request.Update(t.Context(), oneBucket{p[2]}, key, func(s []request.Sibling) ([]byte, error) {
				if len(s) > 0 {
					t.Errorf("merges %v", s)
				}
				return []byte("new"), nil
			})
			if err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 3, func(t *testing.T, c *cluster) {
				key, p, _ := c.key(0)
				p[0].mustPut(t, key, "old", request.WriteOptions{TTL: time.Second, W: request.All})
				v := p[1].mustGet(t, key, "old", request.ReadOptions{})
				time.Sleep(time.Second)
				tc.ops(t, c, key, p, v)
				c.shows(t, key, "new")
			})
		})
	}
}

// One of two siblings expires, and the other stays: with the tag of one value.
func TestOneOfTwoSiblingsExpires(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		first := p[0].mustPut(t, key, "a", request.WriteOptions{W: request.All})
		p[0].mustPut(t, key, "b", request.WriteOptions{W: request.All, Context: first.Context, TTL: time.Second})
		p[1].mustPut(t, key, "c", request.WriteOptions{W: request.All, Context: first.Context})
		c.shows(t, key, "b+c")
		time.Sleep(time.Second)
		c.shows(t, key, "c")
		if v := p[2].mustGet(t, key, "c", request.ReadOptions{}); v.ETag != v.Siblings[0].ID {
			t.Errorf("its tag is %s, want that of the one value", v.ETag)
		}
	})
}

// A retry does not move the expiry: not where the operation is known, and not where it
// is minted again. One that comes after the expiry is told that it was done.
func TestARetryDoesNotMoveTheExpiry(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		o := request.WriteOptions{TTL: 10 * time.Second, OpID: "op", W: request.All}
		p[0].mustPut(t, key, "v", o)
		time.Sleep(5 * time.Second)
		p[1].mustPut(t, key, "v", o)
		time.Sleep(5*time.Second - time.Millisecond)
		c.shows(t, key, "v")
		time.Sleep(time.Millisecond)
		c.shows(t, key, "")

		key, p, _ = c.key(1)
		c.cut(p[0], p[1:]...)
		o = request.WriteOptions{TTL: 10 * time.Second, OpID: "op2", W: 1}
		p[0].mustPut(t, key, "v", o)
		time.Sleep(5 * time.Second)
		p[1].mustPut(t, key, "v", o) // has not heard of it
		c.mend(p[0], p[1:]...)
		time.Sleep(3 * time.Second)
		p[2].mustGet(t, key, "v", request.ReadOptions{R: request.All})
		synctest.Wait()
		time.Sleep(2 * time.Second)
		c.shows(t, key, "")

		key, p, _ = c.key(2)
		o = request.WriteOptions{ExpiresAt: time.Now().Add(time.Second), OpID: "op3", W: request.All}
		p[0].mustPut(t, key, "v", o)
		time.Sleep(2 * time.Second)
		p[0].mustPut(t, key, "v", o)
		o.OpID = "op4"
		if _, err := p[0].Put(t.Context(), "default", key, []byte("v"), o); !errors.Is(err, request.ErrBadValue) || request.OutcomeOf(err) != request.None {
			t.Errorf("a value that has expired: %v, outcome %s", err, request.OutcomeOf(err))
		}
	})
}

// What was hidden is not shown again by a node whose wall clock is set back.
func TestAnExpiredValueStaysHiddenWhenTheClockIsSetBack(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		p[0].mustPut(t, key, "v", request.WriteOptions{TTL: 10 * time.Second, W: request.All})
		time.Sleep(10 * time.Second)
		c.shows(t, key, "")
		p[1].skew.Store(int64(-5 * time.Second))
		c.shows(t, key, "")
	})
}

// A replica that has not heard of the expiry learns of it, as of any other content: it
// is in the digest.
func TestTheExpiryIsInTheDigest(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All, TTL: time.Minute})
		o, err := p[0].store.Read(t.Context(), keyName{"default", key}.stored())
		if err != nil {
			t.Fatal(err)
		}
		other := *o
		other.Siblings = slices.Clone(o.Siblings)
		other.Siblings[0].Expiry++
		secret := p[0].agent.Document().Secret
		if o.Digest(secret, "default", key) == other.Digest(secret, "default", key) {
			t.Error("another expiry has the same digest")
		}
	})
}

// A first use with an expiry that has passed makes no bucket, and neither does a delete
// with one.
func TestAnExpiryThatCannotBeMakesNoBucket(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		c.set(t, func(s *ring.Settings) { s.AutoBuckets = true }, c.nodes...)
		past := request.WriteOptions{ExpiresAt: time.Now()}
		_, err := n.Put(t.Context(), "new", "k", nil, past)
		_, deleted := n.Delete(t.Context(), "new", "k", request.WriteOptions{TTL: time.Second})
		if _, listed := n.agent.Document().Bucket("new"); listed || !errors.Is(err, request.ErrBadValue) || !errors.Is(deleted, request.ErrBadValue) {
			t.Errorf("put: %v, delete: %v, bucket made: %v", err, deleted, listed)
		}
	})
}

// oneBucket is what Update needs of a node.
type oneBucket struct{ n *testNode }

func (b oneBucket) Get(ctx context.Context, key string, o request.ReadOptions) (request.Value, error) {
	return b.n.Get(ctx, "default", key, o)
}

func (b oneBucket) Put(ctx context.Context, key string, value []byte, o request.WriteOptions) (request.Receipt, error) {
	return b.n.Put(ctx, "default", key, value, o)
}
