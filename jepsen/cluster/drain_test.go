//go:build unix

package cluster_test

import (
	"net/http"
	"testing"

	"github.com/hengedb/henge/jepsen/cluster"
)

// A node that drains finishes what it has and tells the others: who speaks to them
// notices nothing.
func TestADrainIsNotNoticedThroughOtherNodes(t *testing.T) {
	c := run(t)
	leaving := c.Nodes()[1]
	b := startBystanders(t, c.Nodes()[0], c.Nodes()[2])
	own := startDraining(t, leaving)
	cluster.Eventually(t, patience, "requests are under way", func() (bool, string) {
		return b.sent.Load() > 200 && own.sent.Load() > 100, "too few"
	})
	if err := leaving.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	sent := b.sent.Load()
	cluster.Eventually(t, patience, "requests go on", func() (bool, string) { return b.sent.Load() > sent+200, "too few" })
	b.stop(t)
	own.stop(t)
	if err := leaving.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, body, err := sendWith(t, http.MethodGet, leaving, "beside", "n1-0-0", patiently, nil); err != nil || status != http.StatusOK {
		t.Errorf("after its return: %d %s %v", status, body, err)
	}
}

// startDraining sends requests to a node until it refuses connections. What it took
// it answers: a request fails only by not being taken, or with 503.
func startDraining(t *testing.T, n *cluster.Node) *bystanders {
	b := &bystanders{end: make(chan struct{}), leaves: true}
	for i := range perNode {
		b.wg.Go(func() { b.run(t, n, i+perNode) })
	}
	return b
}
