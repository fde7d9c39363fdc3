package dev

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

// names are those of the nodes that a running cluster tells of.
func names(t *testing.T, port int) (names []string) {
	t.Helper()
	nodes, err := List(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	return names
}

func TestAClusterGrowsAndShrinks(t *testing.T) {
	dir, port := t.TempDir(), freePorts(t, 3)
	o := Options{Nodes: 2, Dir: dir, BasePort: port, StopFlag: "--stop-at-eof"}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	told, done := events(ctx, t, o)
	next(t, told, Ready, "")
	added, err := Grow(t.Context(), port)
	if err != nil || added.Name != "n3" || added.Data != filepath.Join(dir, "n3", "data") {
		t.Fatalf("added %+v, %v", added, err)
	}
	if !strings.Contains(added.Serve, "--join") || strings.Contains(added.Serve, "--init") {
		t.Errorf("its line is %s", added.Serve)
	}
	next(t, told, Added, "n3")
	if _, err := Shrink(t.Context(), port, "n2"); err != nil {
		t.Fatal(err)
	}
	if e := next(t, told, Removed, "n2"); !strings.Contains(e.Detail, filepath.Join(dir, "n2")) {
		t.Errorf("told %+v, want which directory may be deleted", e)
	}
	if got := names(t, port); !slices.Equal(got, []string{"n1", "n3"}) {
		t.Errorf("the nodes are %v", got)
	}
	for _, name := range []string{"n2", "n9"} {
		if _, err := Shrink(t.Context(), port, name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("removing %s: %v", name, err)
		}
	}
	cancel(exit.ErrInterrupted)
	for e := range told {
		if e.Event == Died || e.Node == "n2" {
			t.Errorf("told %+v of what was removed", e)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}

	if err := os.RemoveAll(filepath.Join(dir, "n2")); err != nil {
		t.Fatal(err)
	}
	o.Nodes = 3
	ctx, cancel = context.WithCancelCause(t.Context())
	defer cancel(nil)
	told, done = events(ctx, t, o)
	if ready := next(t, told, Ready, ""); len(ready.Nodes) != 2 {
		t.Errorf("the next run has %+v", ready.Nodes)
	}
	if got := names(t, port); !slices.Equal(got, []string{"n1", "n3"}) {
		t.Errorf("the next run's nodes are %v", got)
	}
	cancel(exit.ErrInterrupted)
	next(t, told, Ended, "")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNobodyAsksWhereNothingRunsOrUnasked(t *testing.T) {
	port := freePorts(t, 1)
	if _, err := Grow(t.Context(), port); exit.Of(err) != exit.Unavailable || !strings.Contains(err.Error(), "henge dev") {
		t.Errorf("asked where nothing runs: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	o := Options{Nodes: 1, Dir: t.TempDir(), BasePort: port, StopFlag: "--stop-at-eof"}
	told, done := events(ctx, t, o)
	next(t, told, Ready, "")
	response, err := http.Post("http://"+o.address(0, askOffset)+"/?stop=n1", "text/plain", nil) //nolint:gosec // our own
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("a page of a browser is answered with %s", response.Status)
	}
	cancel(exit.ErrInterrupted)
	next(t, told, Stopped, "n1")
	next(t, told, Ended, "")
	if err := <-done; err != nil {
		t.Error(err)
	}
}
