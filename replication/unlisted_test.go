package replication

import (
	"errors"
	"strings"
	"testing"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// set has every node hold the document's next version, with other settings.
func (c *cluster) set(t *testing.T, change func(*ring.Settings), nodes ...*testNode) {
	t.Helper()
	next := nodes[0].agent.Document().Clone()
	next.Version++
	change(&next.Settings)
	next, err := next.Seal()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		if err := n.agent.Adopt(t.Context(), next.Raw()); err != nil {
			t.Fatal(err)
		}
	}
}

// What writes nothing makes no bucket: it answers as for a key that holds nothing.
func TestWhatWritesNothingMakesNoBucket(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		c.set(t, func(s *ring.Settings) { s.AutoBuckets = true }, c.nodes...)
		n := c.nodes[0]
		v, err := n.Get(t.Context(), "new", "k", request.ReadOptions{})
		if !errors.Is(err, request.ErrNotFound) || v.Answers.Got < 2 {
			t.Errorf("get: %v, of %d answers; want not found, of a quorum", err, v.Answers.Got)
		}
		receipt, err := n.Delete(t.Context(), "new", "k", request.WriteOptions{})
		if err != nil || receipt.Acks < 2 {
			t.Errorf("delete: %v, of %d answers; want a success of a quorum", err, receipt.Acks)
		}
		for what, o := range map[string]request.WriteOptions{"any value": {IfMatch: "*"}, "one value": {IfMatch: "tag"}} {
			if _, err := n.Put(t.Context(), "new", "k", []byte("v"), o); !errors.Is(err, request.ErrPrecondition) {
				t.Errorf("a put that wants %s: %v", what, err)
			}
			if _, err := n.Delete(t.Context(), "new", "k", o); !errors.Is(err, request.ErrPrecondition) {
				t.Errorf("a delete that wants %s: %v", what, err)
			}
		}
		for _, n := range c.nodes {
			if _, made := n.agent.Document().Bucket("new"); made {
				t.Errorf("%s lists the bucket", n.host)
			}
		}
	})
}

// A read that set out before its bucket was made, and whose node made it meanwhile.
func TestABucketMadeUnderAReadIsLearnedOf(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		c.set(t, func(s *ring.Settings) { s.AutoBuckets = true }, c.nodes...)
		n := c.nodes[0]
		q, err := n.newQuery(keyName{"new", "k"}, request.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Put(t.Context(), "new", "k", []byte("v"), request.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		if f, err := n.read(t.Context(), q); err != nil || values(f.object) != "v" {
			t.Errorf("read: %+v, %v; want what was put", f, err)
		}
	})
}

// A node that does not hold the document with the bucket yet finds what is in it.
func TestABucketOfANewerDocumentIsLearnedOf(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, n *testNode) error{
		"by a get": func(t *testing.T, n *testNode) error {
			_, err := n.Get(t.Context(), "new", "k", request.ReadOptions{})
			return err
		},
		"by a delete": func(t *testing.T, n *testNode) error {
			if _, err := n.Delete(t.Context(), "new", "k", request.WriteOptions{}); err != nil {
				return err
			}
			if _, err := n.Get(t.Context(), "new", "k", request.ReadOptions{}); !errors.Is(err, request.ErrNotFound) {
				t.Errorf("after the delete: %v", err)
			}
			return nil
		},
		"by a put that wants a value": func(t *testing.T, n *testNode) error {
			_, err := n.Put(t.Context(), "new", "k", []byte("w"), request.WriteOptions{IfMatch: "*"})
			if errors.Is(err, request.ErrPrecondition) {
				return nil // the condition is its coordinator's, whose copy may lack the value yet
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 3, func(t *testing.T, c *cluster) {
				c.set(t, func(s *ring.Settings) { s.AutoBuckets = true }, c.nodes...)
				behind := c.nodes[2]
				c.cut(behind, c.nodes[:2]...)
				if _, err := c.nodes[0].Put(t.Context(), "new", "k", []byte("v"), request.WriteOptions{}); err != nil {
					t.Fatal(err)
				}
				if _, listed := behind.agent.Document().Bucket("new"); listed {
					t.Fatal("the cut node heard of the bucket")
				}
				c.mend(behind, c.nodes[:2]...)
				if err := use(t, behind); err != nil {
					t.Error(err)
				}
				if _, listed := behind.agent.Document().Bucket("new"); !listed {
					t.Error("the node has not learned of the bucket")
				}
			})
		})
	}
}

func TestWithoutAutoBucketsTheAnswerSaysHowToMakeOne(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		_, get := n.Get(t.Context(), "new", "k", request.ReadOptions{})
		_, put := n.Put(t.Context(), "new", "k", nil, request.WriteOptions{})
		_, del := n.Delete(t.Context(), "new", "k", request.WriteOptions{})
		for what, err := range map[string]error{"get": get, "put": put, "delete": del} {
			if !errors.Is(err, request.ErrNoBucket) || !strings.Contains(err.Error(), "henge bucket create new") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
