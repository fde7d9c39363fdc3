package replication

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

func TestABucketIsMadeOnceAndChanged(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		ctx := t.Context()
		want := ring.Bucket{Name: "carts", Policy: ring.PolicyLWW, Owner: "shop", W: 2}
		for i, n := range []*testNode{c.nodes[0], c.nodes[0], c.nodes[1]} {
			b, err := n.CreateBucket(ctx, want)
			want.Generation = 2
			if err != nil || b != want {
				t.Fatalf("make %d: %+v, %v; want %+v", i, b, err, want)
			}
		}
		if _, err := c.nodes[0].CreateBucket(ctx, ring.Bucket{Name: "carts", Policy: ring.PolicyLWW}); !errors.Is(err, request.ErrBucketExists) {
			t.Errorf("one of other properties: %v", err)
		}
		if _, err := c.nodes[0].CreateBucket(ctx, ring.Bucket{Name: "carts"}); !errors.Is(err, request.ErrBucketExists) || !strings.Contains(err.Error(), "policy lww") {
			t.Errorf("one of another policy: %v", err)
		}
		if b, err := c.nodes[0].CreateBucket(ctx, ring.Bucket{Name: "plain"}); err != nil || b.Policy != ring.PolicySiblings {
			t.Errorf("one of no policy: %+v, %v", b, err)
		}
		owner := func(name string) func(ring.Bucket) (ring.Bucket, error) {
			return func(b ring.Bucket) (ring.Bucket, error) {
				b.Owner = name
				return b, nil
			}
		}
		b, err := c.nodes[1].SetBucket(ctx, "carts", owner("till"))
		if want.Owner = "till"; err != nil || b != want {
			t.Errorf("changed to %+v, %v; want %+v", b, err, want)
		}
		version := c.nodes[1].agent.Document().Version
		if _, err := c.nodes[1].SetBucket(ctx, "carts", owner("till")); err != nil || c.nodes[1].agent.Document().Version != version {
			t.Errorf("a change to what is: %v, document %d after %d", err, c.nodes[1].agent.Document().Version, version)
		}
		if _, err := c.nodes[1].SetBucket(ctx, "none", owner("me")); !errors.Is(err, request.ErrNoBucket) {
			t.Errorf("a change of no bucket: %v", err)
		}
		if _, err := c.nodes[1].SetBucket(ctx, "carts", owner(strings.Repeat("o", 256))); !errors.Is(err, request.ErrBadValue) {
			t.Errorf("an owner that cannot be: %v", err)
		}
	})
}

// A minority decides nothing, and says that it may yet be decided.
func TestAnEditWithoutAMajoritySaysSo(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		c.cut(n, c.nodes[1:]...)
		_, err := n.CreateBucket(t.Context(), ring.Bucket{Name: "carts"})
		if !errors.Is(err, request.ErrNotReady) || !strings.Contains(err.Error(), "too few voters") {
			t.Errorf("got %v", err)
		}
		if _, err := n.Bucket("carts"); !errors.Is(err, request.ErrNoBucket) {
			t.Errorf("the bucket: %v", err)
		}
	})
}

// Who gave a request longer than is usual is not told earlier that the voters cannot be
// reached: they may be back in its time.
func TestAFirstUseWaitsForTheVotersAsLongAsItsRequest(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		c.set(t, func(s *ring.Settings) { s.AutoBuckets = true }, c.nodes...)
		c.cut(n, c.nodes[1:]...)
		time.AfterFunc(5*time.Second, func() { c.mend(n, c.nodes[1:]...) })
		begun := time.Now()
		_, err := n.Put(t.Context(), "carts", "k", nil, request.WriteOptions{})
		if took := time.Since(begun); !errors.Is(err, request.ErrNotReady) || took != request.DefaultTimeout {
			t.Errorf("a usual request, after %v: %v", took, err)
		}
		if _, err := n.Put(t.Context(), "carts", "k", nil, request.WriteOptions{Timeout: 20 * time.Second}); err != nil {
			t.Errorf("a patient one, after %v: %v", time.Since(begun), err)
		}
	})
}

// The properties of a bucket hold for a request that does not say otherwise.
func TestARequestIsServedByItsBucketsRules(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		ctx := context.Background()
		n := c.nodes[0]
		for _, b := range []ring.Bucket{
			{Name: "all", R: int(request.All), W: int(request.All)},
			{Name: "one", R: 1, W: 1},
			{Name: "strict", Strict: true},
			{Name: "unsynced", Unsynced: true},
			{Name: "context", RequireContext: true, Owner: "shop"},
		} {
			if _, err := n.CreateBucket(ctx, b); err != nil {
				t.Fatal(err)
			}
		}
		put := func(bucket string, o request.WriteOptions) (request.Receipt, error) {
			return n.Put(ctx, bucket, "k", []byte("v"), o)
		}
		for bucket, need := range map[string]int{"all": 3, "one": 1, "strict": 2} {
			receipt, err := put(bucket, request.WriteOptions{})
			if err != nil || receipt.Need != need {
				t.Errorf("%s: a put needs %d (%v), want %d", bucket, receipt.Need, err, need)
			}
			v, err := n.Get(ctx, bucket, "k", request.ReadOptions{})
			if err != nil || v.Answers.Need != need {
				t.Errorf("%s: a get needs %d (%v), want %d", bucket, v.Answers.Need, err, need)
			}
		}
		if receipt, err := put("all", request.WriteOptions{W: 1}); err != nil || receipt.Need != 1 {
			t.Errorf("a put's own w gives way to the bucket's: %d, %v", receipt.Need, err)
		}
		for strict, bucket := range map[bool]string{true: "strict", false: "one"} {
			w, err := n.newWrite(ctx, verbPut, keyName{bucket, "k"}, nil, request.WriteOptions{})
			if err != nil || w.knobs.strict != strict {
				t.Errorf("%s: a put is strict: %v (%v)", bucket, w.knobs.strict, err)
			}
			q, err := n.newQuery(keyName{bucket, "k"}, request.ReadOptions{})
			if err != nil || q.knobs.strict != strict {
				t.Errorf("%s: a get is strict: %v (%v)", bucket, q.knobs.strict, err)
			}
		}
		if receipt, err := put("unsynced", request.WriteOptions{}); err != nil || receipt.Durable != 0 {
			t.Errorf("unsynced: %d durable, %v", receipt.Durable, err)
		}
		if receipt, err := put("unsynced", request.WriteOptions{Unsynced: request.Off}); err != nil || receipt.Durable < 2 {
			t.Errorf("a put's own sync gives way to the bucket's: %d durable, %v", receipt.Durable, err)
		}
		first, err := put("context", request.WriteOptions{IfNoneMatch: "*"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := put("context", request.WriteOptions{}); !errors.Is(err, request.ErrContextRequired) || !strings.Contains(err.Error(), "owner shop") {
			t.Errorf("a put without context: %v", err)
		}
		if _, err := put("context", request.WriteOptions{Context: first.Context}); err != nil {
			t.Errorf("a put with one: %v", err)
		}
	})
}
