package gossip

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge/ring"
)

// world is a few processes in a bubble. Process i listens on address i until it is
// opened elsewhere.
type world struct {
	*testing.T
	net  *network
	open map[int]*Gossip
	logs *counter
}

// newWorld begins without processes. It must be called in a bubble; at its end
// memberlist's goroutines are waited for.
func newWorld(t *testing.T) *world {
	w := &world{T: t, net: newNetwork(), open: map[int]*Gossip{}, logs: &counter{}}
	t.Cleanup(func() {
		for i := range w.open {
			w.close(i)
		}
		time.Sleep(2 * time.Minute)
	})
	return w
}

// kill ends process i without a goodbye.
func (w *world) kill(i int) {
	g := w.open[i]
	delete(w.open, i)
	w.net.mu.Lock()
	delete(w.net.nodes, g.Addr())
	w.net.mu.Unlock()
	w.Cleanup(func() { _ = g.Close() }) // nobody hears that
}

func address(i int) string { return fmt.Sprintf("10.0.0.%d:7422", i) }

func process(i int) ring.Peer {
	return ring.Peer{
		ID: ring.NodeID(i), Name: fmt.Sprintf("n%d", i), Zone: "z", Nonce: uint64(1000 + i),
		HTTP: fmt.Sprintf("10.0.0.%d:7420", i), RPC: fmt.Sprintf("10.0.0.%d:7421", i),
	}
}

// start opens process i with the first two as its seeds, changed as told.
func (w *world) start(i int, changes ...func(*Options)) *Gossip {
	w.Helper()
	o := Options{Self: process(i), Bind: address(i), Seeds: []string{address(1), address(2)}, Logger: slog.New(w.logs)}
	for _, change := range changes {
		change(&o)
	}
	o.Transport = w.net.attach(o.Bind)
	g, err := Open(o)
	if err != nil {
		w.Fatal(err)
	}
	w.open[i] = g
	return g
}

func (w *world) close(i int) {
	w.Helper()
	g := w.open[i]
	delete(w.open, i)
	if err := g.Close(); err != nil {
		w.Errorf("close %d: %v", i, err)
	}
}

// form starts processes 1 to n and waits until all see all: what gossip tells to few,
// and not to all, the exchange of states brings after 30 s.
func (w *world) form(n int, changes ...func(*Options)) {
	w.Helper()
	for i := 1; i <= n; i++ {
		w.start(i, changes...)
	}
	w.within(time.Minute, "all find all", func() bool { return w.allSee(n) })
}

func (w *world) allSee(n int) bool {
	for _, g := range w.open {
		if len(g.Peers()) != n {
			return false
		}
	}
	return true
}

// sees is the names of the peers that process i lists.
func (w *world) sees(i int) string {
	var names []string
	for _, p := range w.open[i].Peers() {
		names = append(names, p.Name)
	}
	return strings.Join(names, " ")
}

// within waits, in virtual time, until a condition holds, and returns how long it took.
func (w *world) within(limit time.Duration, what string, holds func() bool) time.Duration {
	w.Helper()
	begin := time.Now()
	for !holds() {
		if time.Since(begin) > limit {
			for i := range w.open {
				w.Logf("%d sees %s", i, w.sees(i))
			}
			w.Fatalf("%s: not within %v", what, limit)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(begin)
}

// counter is a slog.Handler that keeps what was said, but for debug.
type counter struct {
	mu    sync.Mutex
	lines []string // under mu
}

func (c *counter) Enabled(_ context.Context, level slog.Level) bool { return level > slog.LevelDebug }
func (c *counter) WithAttrs([]slog.Attr) slog.Handler               { return c }
func (c *counter) WithGroup(string) slog.Handler                    { return c }
func (c *counter) Handle(_ context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, r.Message)
	return nil
}

func (c *counter) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines)
}
