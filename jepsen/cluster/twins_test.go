//go:build unix

package cluster_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hengedb/henge/jepsen/cluster"
)

// A directory that was copied and started beside its original makes two processes
// with one id: exactly one of them ends, says why, and the other serves on.
func TestTwoProcessesWithOneIDAreRefused(t *testing.T) {
	c := run(t)
	original := c.Nodes()[2]
	if status, body, err := send(t, "PUT", c.Nodes()[0], bucket, "stone", []byte("stands")); err != nil || status != 204 {
		t.Fatalf("put: %d %s %v", status, body, err)
	}
	if err := original.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	twin, err := c.Another()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(twin.Data, os.DirFS(original.Data)); err != nil {
		t.Fatal(err)
	}
	if err := original.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := twin.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { twin.Kill() }) //nolint:errcheck // it has ended, or the test has failed
	gone, stays := original, twin
	cluster.Eventually(t, patience, "the end of one of the two", func() (bool, string) {
		if !twin.Running() {
			gone, stays = twin, original
		}
		return !gone.Running(), "both run"
	})
	state, err := gone.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if words := lastLine(t, gone); state.ExitCode() != 13 || !strings.Contains(words, "another live process has this node's id") {
		t.Errorf("it ends with code %d and %q, want 13, the node had to stop, and why", state.ExitCode(), words)
	}
	for _, n := range []*cluster.Node{c.Nodes()[0], c.Nodes()[1], stays} {
		cluster.Eventually(t, patience, "the value through "+n.Name, func() (bool, string) {
			status, body, err := send(t, "GET", n, bucket, "stone", nil)
			return err == nil && status == 200 && string(body) == "stands", fmt.Sprintf("%d %q %v", status, body, err)
		})
	}
}

// lastLine is the last that a node said.
func lastLine(t *testing.T, n *cluster.Node) string {
	t.Helper()
	raw, err := os.ReadFile(n.Log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return lines[len(lines)-1]
}
