package henge_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge"
)

// What a request costs is counted, not timed: a put is one local read, one local
// commit and one message to each other replica; a get at r=2 is one local read and
// one message.
func TestCostOfARequest(t *testing.T) {
	nodes, stop, err := threeNodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	bucket := nodes[0].Bucket("default")
	patiently(t, func() error {
		_, err := bucket.Put(t.Context(), "warm", []byte("up"), henge.WriteOptions{W: henge.All, Timeout: patience})
		return err
	})
	const rounds = 20
	for name, tc := range map[string]struct {
		request                 func() error
		reads, writes, messages int64
	}{
		"put": {func() error {
			_, err := bucket.Put(t.Context(), "key", []byte("value"), henge.WriteOptions{W: henge.All, Timeout: patience})
			return err
		}, 1, 1, 2},
		"get": {func() error {
			_, err := bucket.Get(t.Context(), "warm", henge.ReadOptions{R: 2, Timeout: patience})
			return err
		}, 1, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			want := map[string]int64{
				"henge_store_reads_total": rounds * tc.reads, "henge_store_writes_total": rounds * tc.writes, "henge_messages_total": rounds * tc.messages,
			}
			got := make(map[string]int64)
			// A machine that holds a node up for 100 ms has others asked in its place, and
			// what it missed brought to it behind: such a try counts something else.
			for range 5 {
				before := costs(t, nodes[0])
				for range rounds {
					if err := tc.request(); err != nil {
						t.Fatal(err)
					}
				}
				after := costs(t, nodes[0])
				for counter := range want {
					got[counter] = after[counter] - before[counter]
				}
				if cmp.Equal(want, got) {
					return
				}
				time.Sleep(time.Second)
			}
			t.Errorf("%d requests cost in five tries something else (-want +got):\n%s", rounds, cmp.Diff(want, got))
		})
	}
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

// waitFor polls until ok holds or a bound passes.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited 30 s in vain for: %s", what)
		}
	}
}
