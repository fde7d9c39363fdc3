package replication

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// verify compares all partitions through one node, call by call.
func (n *testNode) verify(t *testing.T, o request.VerifyOptions) (keys, repaired int64, differing []request.DifferingKey, away []string) {
	t.Helper()
	for p := range n.agent.Document().Partitions {
		o.Partition, o.After = ring.Partition(p), "" //nolint:gosec // there are eight
		for {
			v, err := n.Verify(t.Context(), o)
			if err != nil {
				t.Fatalf("partition %d: %v", p, err)
			}
			keys, repaired, differing = keys+v.Keys, repaired+v.Repaired, append(differing, v.Differing...)
			away = append(away, v.Away...)
			if o.After = v.Next; o.After == "" {
				break
			}
		}
	}
	slices.Sort(away)
	return keys, repaired, differing, slices.Compact(away)
}

func TestVerifyFindsAndRepairsWhatReplicasDoNotShare(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		const all = 200
		for i := range all {
			c.nodes[i%4].mustPut(t, fmt.Sprintf("key-%d", i), "v", request.WriteOptions{W: request.All})
		}
		keys, _, differing, away := c.nodes[1].verify(t, request.VerifyOptions{})
		if keys != all || len(differing) != 0 || len(away) != 0 {
			t.Fatalf("of %d keys that are the same %d were compared and %v differ, away %q", all, keys, differing, away)
		}
		if keys, _, _, _ := c.nodes[1].verify(t, request.VerifyOptions{Bucket: "other"}); keys != 0 {
			t.Errorf("%d keys are of another bucket", keys)
		}
		// One replica misses a key that the others have, and one has a key that they lack.
		key, p, _ := c.key(1)
		forget(t, p[1], key)
		plant(t, "planted", "w", 77, c.primaryOf("planted"))
		keys, _, differing, _ = c.nodes[0].verify(t, request.VerifyOptions{})
		named := make([]string, len(differing))
		for i, d := range differing {
			named[i] = d.Key
		}
		slices.Sort(named)
		if keys != all+1 || !slices.Equal(named, []string{key, "planted"}) || differing[0].Digests == nil {
			t.Fatalf("%d keys were compared, and %v differ; want %s and planted", keys, differing, key)
		}
		if _, repaired, left, _ := c.nodes[2].verify(t, request.VerifyOptions{Repair: true}); repaired != 2 || len(left) != 0 {
			t.Errorf("%d keys were repaired, and %v still differ", repaired, left)
		}
		for _, n := range p {
			if got := n.holds(t, key); got == "" {
				t.Errorf("%s holds nothing after the repair", n.host)
			}
		}
		if _, _, left, _ := c.nodes[3].verify(t, request.VerifyOptions{}); len(left) != 0 {
			t.Errorf("%v differ after a repair", left)
		}
	})
}

func TestVerifySaysWhatItDidNotSee(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		c.nodes[0].mustPut(t, "k", "v", request.WriteOptions{})
		c.cut(c.nodes[0], c.nodes[2])
		c.nodes[0].health.Failed(c.nodes[2].self, "it died")
		if _, _, _, away := c.nodes[0].verify(t, request.VerifyOptions{}); !slices.Equal(away, []string{"n2"}) {
			t.Errorf("away: %q, want n2", away)
		}
		c.cut(c.nodes[0], c.nodes[1])
		c.nodes[0].health.Failed(c.nodes[1].self, "it died")
		if _, err := c.nodes[0].Verify(t.Context(), request.VerifyOptions{}); !errors.Is(err, request.ErrNotReady) || !strings.Contains(err.Error(), "two are compared") {
			t.Errorf("alone: %v", err)
		}
		for name, o := range map[string]request.VerifyOptions{"partition": {Partition: 8}, "place": {After: "!"}, "half a place": {After: placeText(storage.Key{Bucket: "b"})}} {
			if _, err := c.nodes[0].Verify(t.Context(), o); !errors.Is(err, request.ErrBadValue) {
				t.Errorf("a bad %s: %v", name, err)
			}
		}
	})
}

// forget has a replica hold nothing of a key, as a damaged disk does.
func forget(t *testing.T, n *testNode, key string) {
	t.Helper()
	_, err := n.store.Write(t.Context(), storage.Key{Bucket: "default", Key: key}, storage.KindRepair, func(tx *storage.Tx) error {
		tx.SetObject((*causal.Object)(nil))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// primaryOf is the first of the nodes that serve a key.
func (c *cluster) primaryOf(key string) *testNode {
	id := c.entry(key).Serving[0]
	return c.nodes[slices.IndexFunc(c.nodes, func(n *testNode) bool { return n.self == id })]
}
