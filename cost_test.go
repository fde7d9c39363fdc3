package henge_test

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge"
)

// What a request costs is counted, not timed: a put is one local read, one local
// commit and one message to each other replica; a get at r=2 is one local read and
// one message.
func TestCostOfARequest(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *testCluster) {
		bucket := c.nodes[0].Bucket("default")
		put := func(key string) func() error {
			return func() error {
				_, err := bucket.Put(t.Context(), key, []byte("value"), henge.WriteOptions{W: henge.All})
				return err
			}
		}
		if err := put("warm")(); err != nil {
			t.Fatal(err)
		}
		const rounds = 20
		for name, tc := range map[string]struct {
			request                 func() error
			reads, writes, messages int64
		}{
			"put": {put("key"), 1, 1, 2},
			"get": {func() error {
				_, err := bucket.Get(t.Context(), "warm", henge.ReadOptions{R: 2})
				return err
			}, 1, 0, 1},
		} {
			synctest.Wait()
			before := costs(t, c.nodes[0])
			for range rounds {
				if err := tc.request(); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait() // no time passes: of what the node does by itself, nothing is due
			after := costs(t, c.nodes[0])
			want := map[string]int64{
				"henge_store_reads_total": rounds * tc.reads, "henge_store_writes_total": rounds * tc.writes, "henge_messages_total": rounds * tc.messages,
			}
			got := make(map[string]int64)
			for counter := range want {
				got[counter] = after[counter] - before[counter]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d requests, each a %s, cost something else (-want +got):\n%s", rounds, name, diff)
			}
		}
	})
}

// costs reads the node's counters as Prometheus would.
func costs(t *testing.T, n *henge.Node) map[string]int64 {
	t.Helper()
	families, err := n.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]int64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			values[family.GetName()] += int64(m.GetCounter().GetValue() + m.GetGauge().GetValue())
		}
	}
	return values
}
