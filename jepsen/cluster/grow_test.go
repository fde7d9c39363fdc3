//go:build unix

package cluster_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/cluster"
)

// changing bounds one layout change.
const changing = 3 * time.Minute

// TestAClusterThatGrowsAndShrinksLosesNothing takes three nodes to five, four and three
// and replaces one that died with its disk, under load: a newcomer and an old replica
// are killed and started again while data moves. After each change the load rests, and
// the disks of all members are read.
func TestAClusterThatGrowsAndShrinksLosesNothing(t *testing.T) {
	c := cluster.Run(t, cluster.Options{Binary: binary(t), Room: 3})
	all := imported(t, c)
	n1, n2, n3 := c.Nodes()[0], c.Nodes()[1], c.Nodes()[2]
	n4, n5, n6 := another(t, c), another(t, c), another(t, c)
	load := startSessions(t, n1, n2, n3)
	cluster.Eventually(t, patience, "sessions are at work", func() (bool, string) { return load.requests() > 1000, "too few requests" })

	// 3 -> 5; a newcomer and an old replica die on the way. Slowly: there must be a way.
	henge(t, c, "settings", "set", "transfer_mibps=1")
	launch(t, n4, n5)
	load.at("3 -> 5")
	load.through(n1, n2)
	henge(t, c, "layout", "stage", "add", "n4")
	henge(t, c, "layout", "stage", "add", "n5")
	henge(t, c, "layout", "apply", "--yes")
	restart(t, n4)
	restart(t, n3)
	henge(t, c, "settings", "set", "transfer_mibps=64")
	cluster.Eventually(t, changing, "the change is complete", func() (bool, string) {
		out := henge(t, c, "layout", "show", "--output", "json")
		return !strings.Contains(out, `"change"`), out
	})
	serves(t, n4, n5)
	members := []*cluster.Node{n1, n2, n3, n4, n5}
	load.still(func() { audit(t, "3 -> 5", members...) })
	load.through(members...)
	complete(t, all, members...)

	// 5 -> 4 -> 3.
	for i, n := range []*cluster.Node{n5, n4} {
		name := fmt.Sprintf("%d -> %d", 5-i, 4-i)
		load.at(name)
		members = members[:len(members)-1]
		henge(t, c, "layout", "stage", "remove", n.Name)
		henge(t, c, "layout", "apply", "--yes", "--wait")
		load.through(members...)
		if err := n.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		empty(t, n)
		load.still(func() { audit(t, name, members...) })
	}
	complete(t, all, members...)

	// One dies with its disk, and another takes its place.
	load.at("n3 for n6")
	load.through(n1, n2)
	if err := n3.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(n3.Data); err != nil {
		t.Fatal(err)
	}
	launch(t, n6)
	henge(t, c, "layout", "stage", "replace", "n3", "n6", "--expel")
	henge(t, c, "layout", "apply", "--yes", "--wait")
	serves(t, n6)
	load.still(func() { audit(t, "n3 for n6", n1, n2, n6) })
	load.through(n1, n2, n6)
	load.stop()
	complete(t, all, n1, n2, n6)
}

// imported stores all records.
func imported(t *testing.T, c *cluster.Cluster) []record {
	t.Helper()
	all := records(t)
	im := startImport(t, c)
	im.feed(all)
	if s := im.finish(); s.Acknowledged != len(all) {
		t.Fatalf("the import says %+v, want %d records acknowledged", s, len(all))
	}
	return all
}

func another(t *testing.T, c *cluster.Cluster) *cluster.Node {
	t.Helper()
	n, err := c.Another()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// launch starts nodes and waits until gossip knows them.
func launch(t *testing.T, nodes ...*cluster.Node) {
	t.Helper()
	for _, n := range nodes {
		if err := n.Launch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		cluster.Eventually(t, patience, n.Name+" is up", func() (bool, string) {
			s, err := n.Status(t.Context())
			return err == nil && !s.Document.IsZero(), fmt.Sprint(s, err)
		})
	}
}

func restart(t *testing.T, n *cluster.Node) {
	t.Helper()
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// henge runs the command, which must succeed.
func henge(t *testing.T, c *cluster.Cluster, args ...string) string {
	t.Helper()
	begun := time.Now()
	out, err := c.Command(t.Context(), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("henge %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	if !slices.Contains(args, "show") && !slices.Contains(args, "status") {
		t.Logf("henge %s, in %s", strings.Join(args, " "), time.Since(begun).Round(time.Millisecond))
	}
	return string(out)
}

// serves waits until nodes are ready.
func serves(t *testing.T, nodes ...*cluster.Node) {
	t.Helper()
	for _, n := range nodes {
		if err := n.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// complete fails the test unless every record is read through every node.
func complete(t *testing.T, all []record, nodes ...*cluster.Node) {
	t.Helper()
	for _, n := range nodes {
		if wrong := missing(t, n, bucket, all); len(wrong) > 0 {
			t.Errorf("through %s %d acknowledged records are missing, such as %s", n.Name, len(wrong), wrong[0])
		}
	}
}
