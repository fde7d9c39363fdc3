//go:build unix

package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/cluster"
)

// parent starts two nodes, pauses the second, says which processes they are and waits
// to be killed.
func parent(dir, binary string) int {
	ctx := context.Background()
	c, err := cluster.Start(ctx, cluster.Options{Binary: binary, Dir: dir, Nodes: 2})
	if err == nil {
		err = c.Nodes()[1].Pause()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	pids := []int{c.Nodes()[0].PID(), c.Nodes()[1].PID()}
	if err := json.NewEncoder(os.Stdout).Encode(pids); err != nil {
		return 1
	}
	select {}
}

func TestNodesEndWithTheirParentEvenPausedOnes(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this executable
	cmd.Env = append(os.Environ(), parentOf+"="+t.TempDir(), parentOf+"_BINARY="+binary(t))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	if err := json.NewDecoder(out).Decode(&pids); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // killed
	for _, pid := range pids {
		cluster.Eventually(t, 20*time.Second, "the end of its children", func() (bool, string) {
			return !cluster.Alive(pid), fmt.Sprintf("pid %d lives", pid)
		})
	}
}
