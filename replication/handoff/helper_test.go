package handoff

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// errNo is what a node says that does not hold what it was sent.
var errNo = errors.New("no")

// world is a store and the nodes around it, which take what they are sent.
type world struct {
	t     *testing.T
	store *storage.Store
	h     *Handoff

	mu     sync.Mutex
	doc    *ring.Document
	away   map[ring.NodeID]bool
	refuse map[ring.NodeID]bool
	block  map[ring.NodeID]chan struct{} // who answers only then
	sent   map[ring.NodeID][]string      // values by receiver, tries included
	flying int
	most   int // deliveries at once
}

var _ Cluster = (*world)(nil)

// newWorld opens a store among the nodes 1 to 4 and one that is no number, with N = 3.
func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	w := &world{
		t: t, away: map[ring.NodeID]bool{}, refuse: map[ring.NodeID]bool{},
		block: map[ring.NodeID]chan struct{}{}, sent: map[ring.NodeID][]string{},
	}
	draw := uint64(0)
	var drawing sync.Mutex
	o.Rand = func() uint64 {
		drawing.Lock()
		defer drawing.Unlock()
		draw++
		return draw * 0x9e3779b97f4a7c15
	}
	var err error
	if w.store, err = storage.Open("store", storage.Options{FS: vfs.NewMem()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	first := ring.FirstOptions{Cluster: strings.Repeat("a", 32), Secret: make([]byte, 32), Partitions: 8, Replicas: 3}
	for _, id := range []ring.NodeID{1, 2, 3, 4, w.store.NodeID()} {
		first.Members = append(first.Members, ring.Member{ID: id, Name: id.String(), Weight: 100, RPC: "r:1"})
	}
	if w.doc, err = ring.First(first); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Install(w.doc); err != nil {
		t.Fatal(err)
	}
	o.Store, o.Cluster, o.Clock, o.Logger = w.store, w, clock.System{}, slog.New(slog.DiscardHandler)
	if o.Budget == nil {
		o.Budget = free{}
	}
	w.h = New(o)
	t.Cleanup(w.h.Close)
	return w
}

// Document is the one that the store has.
func (w *world) Document() *ring.Document {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.doc
}

// Up is what the test says.
func (w *world) Up(id ring.NodeID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.away[id]
}

// Deliver keeps what was sent.
func (w *world) Deliver(ctx context.Context, to ring.NodeID, _, _ string, object *causal.Object) error {
	w.mu.Lock()
	w.sent[to] = append(w.sent[to], valueOf(object))
	w.flying++
	w.most = max(w.most, w.flying)
	block, refuse := w.block[to], w.refuse[to]
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.flying--
		w.mu.Unlock()
	}()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if refuse {
		return errNo
	}
	return nil
}

// free is a budget without bounds.
type free struct{}

func (free) Wait(ctx context.Context) error { return context.Cause(ctx) }
func (free) Pay(int)                        {}

func (w *world) set(m map[ring.NodeID]bool, on bool, ids ...ring.NodeID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		m[id] = on
	}
}

// got is what a node was sent so far.
func (w *world) got(id ring.NodeID) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent[id])
}

// valueOf shows an object as its values.
func valueOf(o *causal.Object) string {
	var values []string
	for i := range o.Siblings {
		values = append(values, string(o.Siblings[i].Value))
	}
	return strings.Join(values, "+")
}

// key finds the n-th key of which the store is a replica, or is none.
func (w *world) key(n int, primary bool) (storage.Key, []ring.NodeID) {
	w.t.Helper()
	for i := 0; ; i++ {
		k := storage.Key{Bucket: "default", Key: fmt.Sprintf("k%d", i)}
		serving := w.doc.Entry(k.Position().Partition(w.doc.Partitions)).Serving
		if slices.Contains(serving, w.store.NodeID()) != primary {
			continue
		}
		if n--; n < 0 {
			return k, serving
		}
	}
}

// object holds one value, written by an actor of its own.
func object(value string) *causal.Object {
	var none *causal.Object
	actor := uint64(0)
	for _, c := range []byte(value) {
		actor = actor<<8 + uint64(c)
	}
	return none.Put(causal.Write{
		Dot: causal.Dot{Actor: causal.Actor(actor), Counter: 1}, Stamp: 5, Policy: causal.Siblings, Generation: 1, Value: []byte(value),
	})
}

// change writes under a key.
func (w *world) change(k storage.Key, f func(tx *storage.Tx)) {
	w.t.Helper()
	if _, err := w.store.Write(w.t.Context(), k, storage.KindHint, func(tx *storage.Tx) error {
		f(tx)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

// hint keeps an object for targets, joined into what is kept already.
func (w *world) hint(k storage.Key, value string, mark uint64, most int, targets ...ring.NodeID) {
	w.t.Helper()
	w.change(k, func(tx *storage.Tx) {
		o := object(value)
		if held := tx.Hint(); held != nil {
			o = causal.Join(held.Object, o)
		}
		tx.SetHint(&storage.Hint{Targets: targets, W: most, Since: w.store.Now(), Mark: mark, Object: o})
	})
}

// kept is the hint under a key, nil once it has ended.
func (w *world) kept(k storage.Key) *storage.Hint {
	w.t.Helper()
	h, err := w.store.ReadHint(w.t.Context(), k)
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// relayout decides who serves a key's partition.
func (w *world) relayout(k storage.Key, serving ...ring.NodeID) {
	w.t.Helper()
	next := w.doc.Clone()
	next.Version++
	next.Layout[k.Position().Partition(next.Partitions)] = ring.Entry{Serving: serving, Changed: next.Version}
	next, err := next.Seal()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Install(next); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.doc = next
}
