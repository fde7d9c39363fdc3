//go:build unix

package cluster_test

import (
	"os"
	"strings"
	"testing"

	"github.com/hengedb/henge/jepsen/cluster"
)

// TestAWipedNodeIsFilledAnew removes a node's data directory under load and starts the
// node again with the line that it was started with.
func TestAWipedNodeIsFilledAnew(t *testing.T) {
	c := cluster.Run(t, cluster.Options{Binary: binary(t)})
	all := imported(t, c)
	n1, n2, n3 := c.Nodes()[0], c.Nodes()[1], c.Nodes()[2]
	load := startSessions(t, n1, n2)
	cluster.Eventually(t, patience, "sessions are at work", func() (bool, string) { return load.requests() > 500, "too few requests" })

	// Without auto-join a person is told what to do.
	henge(t, c, "settings", "set", "auto_join=false")
	load.at("n3 wiped")
	if err := n3.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(n3.Data); err != nil {
		t.Fatal(err)
	}
	launch(t, n3)
	cluster.Eventually(t, patience, "henge status tells of the wiped disk", func() (bool, string) {
		out := henge(t, c, "status")
		return strings.Contains(out, "n3 lost its disk") && strings.Contains(out, "henge layout stage replace"), out
	})
	// With it the node takes its own place, once what it was has been away for long enough.
	henge(t, c, "settings", "set", "auto_join=true", "silent_ms=1000")
	told := ""
	cluster.Eventually(t, changing, "the node is full again", func() (bool, string) {
		out := henge(t, c, "layout", "show", "--output", "json")
		if text := henge(t, c, "layout", "show"); strings.Contains(text, " partitions done") {
			told = text
		}
		return told != "" && !strings.Contains(out, `"change"`) && !strings.Contains(henge(t, c, "status"), "lost its disk"), out
	})
	serves(t, n3)
	t.Logf("henge layout show said meanwhile:\n%s", told)
	load.at("n3 full again")
	henge(t, c, "verify") // its exit status says that all was compared and nothing differs
	load.still(func() { audit(t, "n3 wiped", n1, n2, n3) })
	load.through(n1, n2, n3)
	load.stop()
	complete(t, all, n1, n2, n3)
}
