package replication

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Two of three nodes make two buckets and are given up; the third makes one of the same
// name. What the two stored is merged where there is a bucket, and else kept and told
// until there is one.
func TestWhatTheLosingSideStoredIsMergedOrKept(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		ctx, n, theirs := t.Context(), c.nodes[0], c.nodes[1]
		put := func(by *testNode, bucket, value string) {
			t.Helper()
			if _, err := by.CreateBucket(ctx, ring.Bucket{Name: bucket}); err != nil {
				t.Fatal(err)
			}
			if _, err := by.Put(ctx, bucket, "k", []byte(value), request.WriteOptions{W: 1}); err != nil {
				t.Fatal(err)
			}
		}
		get := func(by *testNode, bucket string) (values []string) {
			t.Helper()
			v, err := by.Get(ctx, bucket, "k", request.ReadOptions{R: request.All})
			if err != nil && !errors.Is(err, request.ErrNotFound) && !errors.Is(err, request.ErrNoBucket) {
				t.Fatal(err)
			}
			for _, s := range v.Siblings {
				values = append(values, string(s.Data))
			}
			slices.Sort(values)
			return values
		}
		c.cut(n, c.nodes[1:]...)
		put(theirs, "both", "theirs")
		put(theirs, "late", "theirs")
		if err := n.ForceLayout(ctx, []string{"n1", "n2"}, n.agent.Document().Cluster); err != nil {
			t.Fatal(err)
		}
		put(n, "both", "ours")
		time.Sleep(5 * time.Second) // until a failed dial is made anew
		c.mend(n, c.nodes[1:]...)
		for _, other := range c.nodes[1:] {
			if err := other.agent.Pull(ctx, n.self); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for i, node := range c.nodes {
			var want []request.KeptBucket
			if i > 0 {
				want = []request.KeptBucket{{Name: "late", Keys: 1}}
			}
			if diff := cmp.Diff(want, node.Status(ctx).Kept); diff != "" {
				t.Errorf("%s keeps (-want +got):\n%s", node.name, diff)
			}
		}
		if got := get(n, "both"); !slices.Equal(got, []string{"ours", "theirs"}) {
			t.Errorf("the bucket of both sides holds %q, want what each wrote", got)
		}
		if got := get(theirs, "late"); got != nil {
			t.Errorf("the bucket that nobody has holds %q", got)
		}
		if _, err := n.CreateBucket(ctx, ring.Bucket{Name: "late"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := get(n, "late"); !slices.Equal(got, []string{"theirs"}) {
			t.Errorf("once it is made anew it holds %q", got)
		}
		if kept := theirs.Status(ctx).Kept; kept != nil {
			t.Errorf("it is still told as kept: %v", kept)
		}
	})
}
