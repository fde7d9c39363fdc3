package henge_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/jepsen/cluster"
)

func open(t *testing.T, dir string, o henge.Options) *henge.Node {
	t.Helper()
	node, err := henge.Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() }) // the test may have closed it
	return node
}

func TestAClosedNodeSaysSo(t *testing.T) {
	node := open(t, "node", henge.Options{Seams: henge.Seams{FS: vfs.NewMem()}})
	if err := node.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := node.Bucket("default")
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	if err := node.Close(); !errors.Is(err, henge.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	for range 20 { // two channels are closed: neither may win by chance
		if err := node.Ready(t.Context()); !errors.Is(err, henge.ErrClosed) {
			t.Fatalf("Ready: %v", err)
		}
	}
	<-node.Done()
	_, put := b.Put(t.Context(), "k", nil, henge.WriteOptions{})
	_, get := b.Get(t.Context(), "k", henge.ReadOptions{})
	_, del := b.Delete(t.Context(), "k", henge.WriteOptions{})
	for what, err := range map[string]error{"put": put, "get": get, "delete": del, "err": node.Err()} {
		if !errors.Is(err, henge.ErrClosed) && !errors.Is(err, henge.ErrNotReady) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_ = node.Status(t.Context())
}

// With seeds a node waits for their document; whoever waits for it is told why.
func TestReadyTellsWhatItWaitsFor(t *testing.T) {
	node := open(t, t.TempDir(), henge.Options{RPC: "127.0.0.1:0", Gossip: "127.0.0.1:0", Join: []string{"127.0.0.1:1"}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := node.Ready(ctx); !errors.Is(err, henge.ErrNotReady) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := node.Bucket("default").Put(t.Context(), "k", nil, henge.WriteOptions{}); !errors.Is(err, henge.ErrNotReady) || henge.OutcomeOf(err) != henge.None {
		t.Errorf("put: %v", err)
	}
}

// An Open that fails leaves nothing behind: neither directory nor address is held.
func TestAnOpenThatFailsReleasesEverything(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	busy := taken.Addr().String()
	port, err := cluster.FreePorts(t.Context(), 1) // not one that systems give to any connection
	if err != nil {
		t.Fatal(err)
	}
	spare := fmt.Sprintf("127.0.0.1:%d", port)
	dir := t.TempDir()
	for name, o := range map[string]henge.Options{
		"HTTP":   {HTTP: busy},
		"RPC":    {HTTP: spare, RPC: busy, Gossip: "127.0.0.1:0"},
		"gossip": {HTTP: spare, RPC: "127.0.0.1:0", Gossip: busy},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second meets what the first left behind
				node, err := henge.Open(t.Context(), dir, o)
				if err == nil {
					_ = node.Close()
					t.Fatal("opened on an address in use")
				}
				if words := err.Error(); !strings.Contains(words, busy) || !strings.Contains(words, "in use") {
					t.Errorf("it does not say which address is in use: %v", err)
				}
			}
		})
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := henge.Open(canceled, dir, henge.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open of a caller that gave up: %v", err)
	}
	node := open(t, dir, henge.Options{HTTP: spare})
	if err := node.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if again, err := henge.Open(t.Context(), dir, henge.Options{}); err == nil {
		_ = again.Close()
		t.Error("one directory was opened twice")
	} else if !strings.Contains(err.Error(), dir) {
		t.Errorf("a locked directory: %v", err)
	}
}

func TestOptionsThatContradictAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		o    henge.Options
		word string
	}{
		"an address without a port":  {henge.Options{HTTP: "localhost"}, "HTTP"},
		"partitions of no power":     {henge.Options{Partitions: 100}, "partitions"},
		"too few partitions":         {henge.Options{Partitions: 4}, "partitions"},
		"replicas below one":         {henge.Options{Replicas: -1}, "replicas"},
		"more nodes than partitions": {henge.Options{Init: true, Expect: 40, RPC: "x:1", Gossip: "x:2"}, "expect"},
		"expect without init":        {henge.Options{Expect: 3, RPC: "x:1", Gossip: "x:2"}, "Init"},
		"RPC without gossip":         {henge.Options{RPC: "127.0.0.1:0"}, "Gossip"},
		"seeds without an address":   {henge.Options{Join: []string{"x:1"}}, "address"},
		"room for less than nothing": {henge.Options{MaxInFlight: -1}, "MaxInFlight"},
		"a cache below nothing":      {henge.Options{CacheBytes: -1}, "cache"},
		"a name that fills a packet": {henge.Options{Name: strings.Repeat("n", 600)}, "name"},
		"a zone that fills a packet": {henge.Options{Zone: strings.Repeat("z", 600)}, "zone"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.o.Seams.FS = vfs.NewMem()
			node, err := henge.Open(t.Context(), "node", tc.o)
			if err == nil {
				_ = node.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), tc.word) {
				t.Errorf("it does not name %s: %v", tc.word, err)
			}
		})
	}
	both := henge.Options{Partitions: 100, Replicas: 99}
	both.EnsureDefaults()
	if err := both.Validate(); err == nil || !strings.Contains(err.Error(), "partitions") || !strings.Contains(err.Error(), "replicas") {
		t.Errorf("two problems are told as %v", err)
	}
	var zero henge.Options
	zero.EnsureDefaults()
	if err := zero.Validate(); err != nil || zero.Logger == nil || zero.Registry == nil {
		t.Errorf("the zero value: %v", err)
	}
}

// ended waits until a node cannot go on, and returns why.
func ended(t *testing.T, node *henge.Node) error {
	t.Helper()
	select {
	case <-node.Done():
		return node.Err()
	case <-time.After(30 * time.Second):
		t.Fatal("the node goes on")
		return nil
	}
}

// A directory that was copied makes two processes of one id: one of them ends, and
// says what to do.
func TestTwoNodesOfOneIDAreToldApart(t *testing.T) {
	dir := t.TempDir()
	first := filepath.Join(dir, "first")
	on := henge.Options{RPC: "127.0.0.1:0", Gossip: "127.0.0.1:0", LocalGossip: true, Logger: slog.New(slog.DiscardHandler)}
	node := open(t, first, on)
	if err := node.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "copy"), os.DirFS(first)); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	one := open(t, first, on)
	on.Join = []string{one.Addrs().Gossip}
	two := open(t, filepath.Join(dir, "copy"), on)
	select {
	case <-one.Done():
		t.Fatalf("the one that was there first goes: %v", one.Err())
	case <-two.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("both go on")
	}
	err := two.Err()
	if err == nil || !strings.Contains(err.Error(), "another live process has this node's id") || !strings.Contains(err.Error(), "empty directory") {
		t.Errorf("%v", err)
	}
}

// A directory of one cluster cannot be used to join another.
func TestADirectoryOfAnotherClusterIsRefused(t *testing.T) {
	dir := t.TempDir()
	on := henge.Options{RPC: "127.0.0.1:0", Gossip: "127.0.0.1:0", LocalGossip: true}
	stray := open(t, filepath.Join(dir, "stray"), on)
	if err := stray.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := stray.Close(); err != nil {
		t.Fatal(err)
	}
	home := open(t, filepath.Join(dir, "home"), on)
	if err := home.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	on.Join = []string{home.Addrs().Gossip}
	stray = open(t, filepath.Join(dir, "stray"), on)
	err := ended(t, stray)
	if err == nil || !strings.Contains(err.Error(), "belongs to cluster") || !strings.Contains(err.Error(), on.Join[0]) {
		t.Errorf("%v", err)
	}
	if err := home.Err(); err != nil {
		t.Errorf("the cluster's own node ended: %v", err)
	}
}
