package dev

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

// TestMain makes the test's executable a stand-in for henge: run as "serve", it
// answers /readyz and ends with its standard input.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		os.Exit(standIn(os.Args[2:]))
	}
	os.Exit(m.Run())
}

func standIn(args []string) int {
	value := func(flag string) string { return args[slices.Index(args, flag)+1] }
	if _, err := os.Stat(filepath.Join(value("--data"), "refuse")); err == nil {
		fmt.Fprintln(os.Stderr, "the data directory is refused")
		return int(exit.Data)
	}
	listener, err := net.Listen("tcp", value("--http"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go http.Serve(listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) //nolint:errcheck,gosec // ends with the process
	if slices.Contains(args, "--stop-at-eof") {
		_, err = io.Copy(io.Discard, os.Stdin)
		return int(exit.Of(err))
	}
	select {} // until it is killed
}

// events runs a cluster and gives what it tells.
func events(ctx context.Context, t *testing.T, o Options) (<-chan Event, <-chan error) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	o.Executable, o.Out, o.JSON, o.Environ = executable, w, true, os.Environ()
	told, done := make(chan Event, 100), make(chan error, 1)
	go func() {
		done <- Run(ctx, o)
		w.Close() //nolint:errcheck // a pipe's never fails
	}()
	go func() {
		defer close(told)
		for lines := bufio.NewScanner(r); lines.Scan(); {
			var e Event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				told <- e
			}
		}
	}()
	return told, done
}

// next waits for an event of a kind about a node; "" is about the cluster.
func next(t *testing.T, told <-chan Event, what What, node string) Event {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e, more := <-told:
			if !more {
				t.Fatalf("the cluster ended before %q of %q was told", what, node)
			}
			if e.Event == what && e.Node == node {
				return e
			}
		case <-deadline:
			t.Fatalf("no %q of %q was told", what, node)
		}
	}
}

// freePorts finds a base port whose nodes' ports are all free.
func freePorts(t *testing.T, nodes int) int {
	t.Helper()
	for range 100 {
		// Below what systems give to whoever asks for any port: of those, one that is free
		// now may be anybody's connection a moment later. And below what package cluster
		// draws from: its tests run beside these, and have nodes that are down for a while.
		o := Options{Nodes: nodes, BasePort: 10_000 + rand.IntN(4_900), Dir: "d", Executable: "e"} //nolint:gosec // no secret
		if o.Validate() == nil && checkPorts(t.Context(), plan(o)) == nil {
			return o.BasePort
		}
	}
	t.Fatal("no free ports")
	return 0
}

func TestDeathsAndRecoveriesAreTold(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	dir := filepath.Join(t.TempDir(), "cluster")
	told, done := events(ctx, t, Options{Nodes: 2, Dir: dir, Temporary: true, BasePort: freePorts(t, 2), StopFlag: "--stop-at-eof"})
	ready := next(t, told, Ready, "")
	victim, err := os.FindProcess(ready.Nodes[1].PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	died := next(t, told, Died, "n2")
	if !strings.Contains(died.Detail, "killed") || died.Serve != ready.Nodes[1].Serve || died.PID != ready.Nodes[1].PID {
		t.Errorf("told %+v, want how it died, its pid and its line", died)
	}
	line := strings.Fields(died.Serve)
	byHand := exec.CommandContext(t.Context(), line[0], line[1:]...) //nolint:gosec // our own line
	if err := byHand.Start(); err != nil {
		t.Fatal(err)
	}
	if back := next(t, told, Back, "n2"); !strings.Contains(back.Detail, "by hand") {
		t.Errorf("told %+v, want that it was started by hand", back)
	}
	cancel(exit.ErrInterrupted)
	if stopped := next(t, told, Stopped, "n2"); !strings.Contains(stopped.Detail, "goes on") {
		t.Errorf("told %+v, want that the node started by hand goes on", stopped)
	}
	next(t, told, Stopped, "n1")
	if ended := next(t, told, Ended, ""); !strings.Contains(ended.Detail, "stays") {
		t.Errorf("told %+v: the data of a running node must stay", ended)
	}
	if err := <-done; err != nil {
		t.Errorf("the cluster ended with %v", err)
	}
	if err := byHand.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = byHand.Wait() // killed
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the data of a running node is gone: %v", err)
	}
}

func TestATemporaryDirectoryIsRemoved(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	dir := filepath.Join(t.TempDir(), "cluster")
	told, done := events(ctx, t, Options{Nodes: 1, Dir: dir, Temporary: true, BasePort: freePorts(t, 1), StopFlag: "--stop-at-eof"})
	next(t, told, Ready, "")
	cancel(exit.ErrInterrupted)
	next(t, told, Ended, "")
	if err := <-done; err != nil {
		t.Errorf("the cluster ended with %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there (%v)", err)
	}
}

func TestANodeThatCannotStartSaysWhy(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "n2", "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "refuse"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	told, done := events(t.Context(), t, Options{Nodes: 2, Dir: dir, BasePort: freePorts(t, 2), StopFlag: "--stop-at-eof"})
	next(t, told, Ended, "")
	err := <-done
	if exit.Of(err) != exit.Data || !strings.Contains(err.Error(), "n2") || !strings.Contains(err.Error(), "the data directory is refused") {
		t.Errorf("error %v with code %d, want the node, its last words and its code", err, exit.Of(err))
	}
}

func TestADirectoryOfAnotherSizeIsRefused(t *testing.T) {
	dir, port := t.TempDir(), freePorts(t, 3)
	if _, err := prepare(Options{Nodes: 1, Dir: dir, BasePort: port}, nil); err != nil {
		t.Fatal(err)
	}
	err := Run(t.Context(), Options{Executable: "henge", Nodes: 3, Dir: dir, BasePort: port})
	if exit.Of(err) != exit.Usage || !strings.Contains(err.Error(), "--nodes 1") {
		t.Errorf("error %v, want a refusal that names the size", err)
	}
}

func TestAPortInUseIsNamed(t *testing.T) {
	port := freePorts(t, 1)
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+rpcOffset))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // the test is over
	err = Run(t.Context(), Options{Executable: "henge", Nodes: 1, Dir: t.TempDir(), BasePort: port})
	if exit.Of(err) != exit.Address || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("error %v, want one that names %s", err, taken.Addr())
	}
}
