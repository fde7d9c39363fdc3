//go:build unix

package cluster_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/cluster"
)

// drained is how long hints may take to be delivered after their target's return.
const drained = 30 * time.Second

// fault breaks nodes when a third of the catalogue is stored, and mends them when two
// thirds are.
type fault struct {
	broken func(c *cluster.Cluster) []*cluster.Node
	begin  func(t *testing.T, c *cluster.Cluster) error
	during func(t *testing.T) // before it ends
	end    func(t *testing.T, c *cluster.Cluster) error
}

func last(c *cluster.Cluster) []*cluster.Node { return c.Nodes()[len(c.Nodes())-1:] }
func nothing(*testing.T)                      {}

var faults = map[string]fault{
	"one node is killed and started again": {
		broken: last,
		begin:  func(_ *testing.T, c *cluster.Cluster) error { return last(c)[0].Kill() },
		during: nothing,
		end:    func(t *testing.T, c *cluster.Cluster) error { return last(c)[0].Start(t.Context()) },
	},
	"one node is paused and resumed": {
		broken: last,
		begin:  func(_ *testing.T, c *cluster.Cluster) error { return last(c)[0].Pause() },
		during: func(t *testing.T) { t.Helper(); <-time.After(pause(t)) },
		end: func(t *testing.T, c *cluster.Cluster) error {
			if err := last(c)[0].Resume(); err != nil {
				return err
			}
			return last(c)[0].Ready(t.Context())
		},
	},
	"every node is killed and started again": {
		broken: (*cluster.Cluster).Nodes,
		begin:  func(_ *testing.T, c *cluster.Cluster) error { return c.Kill() },
		during: nothing,
		end:    func(t *testing.T, c *cluster.Cluster) error { return c.Restart(t.Context()) },
	},
}

func TestAnImportLosesNothingAndFailsNothingWhen(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			c := run(t)
			all := records(t)
			s, owed := importUnder(t, c, f, all)
			t.Logf("%d records: %d acknowledged, %d failed, %d tried again, in %s; no hints were owed %s after the return",
				s.Records, s.Acknowledged, s.Failed, s.Retries, s.Elapsed.Round(time.Millisecond), owed.Round(time.Millisecond))
			if owed > drained {
				t.Errorf("hints were owed for %s, want at most %s", owed, drained)
			}
			if s.Records != len(all) || s.Acknowledged != len(all) || s.Failed+s.Bad != 0 || !s.Complete {
				t.Errorf("the import says %+v, want all %d records acknowledged", s, len(all))
			}
			for _, n := range c.Nodes() {
				if wrong := missing(t, n, bucket, all); len(wrong) > 0 {
					t.Errorf("through %s %d acknowledged records are missing, such as %s", n.Name, len(wrong), wrong[0])
				}
			}
		})
	}
}

// importUnder imports all records while a fault comes and goes, and tells how long
// after its end hints were owed.
func importUnder(t *testing.T, c *cluster.Cluster, f fault, all []record) (summary, time.Duration) {
	t.Helper()
	third := len(all) / 3
	beside := slices.DeleteFunc(slices.Clone(c.Nodes()), func(n *cluster.Node) bool { return slices.Contains(f.broken(c), n) })
	im := startImport(t, c)
	im.feed(all[:third])
	b := startBystanders(t, beside...)
	if err := f.begin(t, c); err != nil {
		t.Fatal(err)
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		im.feed(all[third : 2*third])
	}()
	if len(beside) > 0 {
		<-fed // the others take it, and owe it
		if n := owes(t, beside); n == 0 {
			t.Error("nobody owes anything while a node is away")
		}
	}
	f.during(t)
	if err := f.end(t, c); err != nil {
		t.Fatal(err)
	}
	owed := watchHints(t, c)
	<-fed
	im.feed(all[2*third:])
	s := im.finish()
	b.stop(t)
	return s, <-owed
}

// owes sums the hints that some nodes keep.
func owes(t *testing.T, nodes []*cluster.Node) (sum int64) {
	t.Helper()
	for _, n := range nodes {
		s, err := n.Status(t.Context())
		if err != nil {
			t.Error(err)
		}
		sum += s.Hints.Count
	}
	return sum
}

// watchHints tells how long it takes from now until no node owes a hint, or that it
// is too long.
func watchHints(t *testing.T, c *cluster.Cluster) <-chan time.Duration {
	t.Helper()
	took, begun := make(chan time.Duration, 1), time.Now()
	go func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			n, err := c.HintsOwed(t.Context())
			if since := time.Since(begun); err == nil && n == 0 || since > drained {
				took <- since
				return
			}
			<-ticker.C
		}
	}()
	return took
}
