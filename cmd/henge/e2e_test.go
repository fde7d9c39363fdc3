//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hengedb/henge/cmd/henge/internal/dev"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/jepsen/cluster"
)

// patience bounds every wait of the end-to-end test: far above what anything in
// it takes on a busy machine.
const patience = 60 * time.Second

// devRun is a running "henge dev".
type devRun struct {
	t      *testing.T
	cmd    *exec.Cmd
	events chan dev.Event
	nodes  []dev.NodeInfo
}

// runDev starts a cluster in dir and waits until it is ready.
func runDev(t *testing.T, executable, dir string, nodes, port int) *devRun {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), executable, "dev", "--output", "json", //nolint:gosec // our own executable
		"--dir", dir, "--nodes", fmt.Sprint(nodes), "--base-port", fmt.Sprint(port))
	// A group of its own, as a terminal would give it: signals of the test's
	// terminal are the test's.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &devRun{t: t, cmd: cmd, events: make(chan dev.Event, 1000)}
	go func() {
		defer close(d.events)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var e dev.Event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				d.events <- e
			}
		}
	}()
	d.nodes = d.next(dev.Ready, "").Nodes
	return d
}

// next waits for an event of a kind about a node.
func (d *devRun) next(what dev.What, node string) dev.Event {
	d.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e, more := <-d.events:
			if !more {
				d.t.Fatalf("henge dev ended before it told %q of %q", what, node)
			}
			if e.Event == what && e.Node == node {
				return e
			}
		case <-deadline:
			d.t.Fatalf("henge dev did not tell %q of %q", what, node)
		}
	}
}

// end sends henge dev a signal and returns how it ended.
func (d *devRun) end(sig os.Signal) *os.ProcessState {
	d.t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.t.Fatal(err)
	}
	for range d.events { // its output ends with it: only then may Wait be called
	}
	_ = d.cmd.Wait() // the state says more
	return d.cmd.ProcessState
}

// childless waits until no child of henge dev lives.
func (d *devRun) childless() {
	d.t.Helper()
	for _, n := range d.nodes {
		cluster.Eventually(d.t, patience, "the end of "+n.Name, func() (bool, string) {
			return !cluster.Alive(n.PID), fmt.Sprintf("pid %d lives", n.PID)
		})
	}
}

func TestALocalClusterStandsWhenANodeFalls(t *testing.T) {
	if testing.Short() {
		t.Skip("starts real processes for about 15 s; -short leaves that out")
	}
	executable, err := cluster.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	port, err := cluster.FreePorts(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "cluster")
	d := runDev(t, executable, dir, 3, port)
	first, second := shell{t: t, url: d.nodes[0].URL}, shell{t: t, url: d.nodes[1].URL}
	first.sh(exit.OK, "put", "stone", "stands")
	want(t, "get", second.sh(exit.OK, "get", "stone").out, "stands")
	want(t, "keys", second.sh(exit.OK, "keys").out, "stone\n")
	want(t, "explain", first.sh(exit.OK, "explain", "stone").out, "n1", "n2", "n3", "6 bytes")
	want(t, "status", first.sh(exit.OK, "status").out, "3 members", "n1", "n2", "n3", "hints: none owed")

	byHand := d.killAndRestart(t, first, second)
	for i := range 20 {
		key := fmt.Sprintf("fallen-%d", i)
		third := shell{t: t, url: d.nodes[2].URL}
		want(t, key, third.sh(exit.OK, "get", key, "--r", "one").out, "written without n3")
	}

	if state := d.end(os.Interrupt); !state.Success() {
		t.Errorf("after Ctrl-C henge dev ended with %s, want 0", state)
	}
	d.childless()
	if err := byHand.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := byHand.Wait(); err != nil {
		t.Errorf("after SIGTERM the node started by hand ended with %v, want 0", err)
	}

	d = runDev(t, executable, dir, 3, port)
	want(t, "get after a restart of all", second.sh(exit.OK, "get", "stone").out, "stands")
	if state := d.end(syscall.SIGKILL); state.Success() {
		t.Error("henge dev survived SIGKILL")
	}
	d.childless()
}

// killAndRestart kills n3, writes on without it, starts it again with the line
// that henge dev prints, and waits until it has all that it missed.
func (d *devRun) killAndRestart(t *testing.T, first, second shell) *exec.Cmd {
	t.Helper()
	if err := syscall.Kill(d.nodes[2].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		key := fmt.Sprintf("fallen-%d", i)
		first.sh(exit.OK, "put", key, "written without n3")
		want(t, key, second.sh(exit.OK, "get", key).out, "written without n3")
	}
	died := d.next(dev.Died, "n3")
	want(t, "the death", died.Detail, "killed")
	line := strings.Fields(died.Serve)
	byHand := exec.CommandContext(context.WithoutCancel(t.Context()), line[0], line[1:]...) //nolint:gosec // the printed line
	byHand.Stderr = os.Stderr
	byHand.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := byHand.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if byHand.ProcessState == nil { // the test failed before it ended it
			_ = byHand.Process.Kill()
			_ = byHand.Wait()
		}
	})
	d.next(dev.Back, "n3")
	cluster.Eventually(t, patience, "no hints owed", func() (bool, string) {
		s := first.with("", "status")
		return s.code == exit.OK && strings.Contains(s.out, "hints: none owed") && !strings.Contains(s.out, "no answer"), s.out + s.err
	})
	return byHand
}
