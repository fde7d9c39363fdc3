package exchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

var errAway = errors.New("away")

// world is a few stores that hold every partition, and what goes between them.
type world struct {
	t     testing.TB
	nodes []*node
	byID  map[ring.NodeID]*node

	latency time.Duration // of each message; virtual

	mu        sync.Mutex
	away      map[ring.NodeID]bool
	asks      map[kind]int
	delivered int
}

// node is one member of a world.
type node struct {
	w     *world
	store *storage.Store
	x     *Exchange

	mu  sync.Mutex
	doc *ring.Document
}

var _ Cluster = (*node)(nil)

const testPartitions = 32

// newWorld opens n stores; the exchanges of a world are started by start.
func newWorld(t testing.TB, n int) *world {
	t.Helper()
	w := &world{t: t, latency: time.Millisecond, byID: map[ring.NodeID]*node{}, away: map[ring.NodeID]bool{}, asks: map[kind]int{}}
	first := ring.FirstOptions{Cluster: strings.Repeat("a", 32), Secret: make([]byte, 32), Partitions: testPartitions, Replicas: n}
	for i := range n {
		draw := uint64(i+1) << 32
		store, err := storage.Open("store", storage.Options{FS: vfs.NewMem(), Rand: func() uint64 {
			draw++
			return draw * 0x9e3779b97f4a7c15
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		one := &node{w: w, store: store}
		w.nodes, w.byID[store.NodeID()] = append(w.nodes, one), one
		first.Members = append(first.Members, ring.Member{ID: store.NodeID(), Name: store.NodeID().String(), Weight: 100, RPC: "r:1"})
	}
	doc, err := ring.First(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range w.nodes {
		one.install(doc)
	}
	return w
}

// start begins the exchanges of all nodes, with the same options.
func (w *world) start(o Options) {
	for _, one := range w.nodes {
		o.Store, o.Cluster, o.Logger = one.store, one, slog.New(slog.DiscardHandler)
		if o.Clock == nil {
			o.Clock = clock.System{}
		}
		x := New(o)
		w.t.Cleanup(x.Close)
		w.mu.Lock() // those that began before may ask already
		one.x = x
		w.mu.Unlock()
	}
}

// install has a node hold a document.
func (n *node) install(doc *ring.Document) {
	n.w.t.Helper()
	if err := n.store.Install(doc); err != nil {
		n.w.t.Fatal(err)
	}
	n.mu.Lock()
	n.doc = doc
	n.mu.Unlock()
	if n.x != nil {
		n.x.Kick()
	}
}

func (n *node) id() ring.NodeID { return n.store.NodeID() }

// Document is the one that was installed.
func (n *node) Document() *ring.Document {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.doc
}

// Up is what the test says.
func (n *node) Up(id ring.NodeID) bool {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return !n.w.away[id]
}

// Deliver joins as a replica does, and waits for the disk.
func (n *node) Deliver(ctx context.Context, to ring.NodeID, bucket, key string, o *causal.Object) error {
	n.w.mu.Lock()
	away := n.w.away[to]
	n.w.delivered++
	n.w.mu.Unlock()
	if away {
		return errAway
	}
	time.Sleep(n.w.latency)
	return n.w.byID[to].join(ctx, storage.Key{Bucket: bucket, Key: key}, o, n.Document().Version)
}

func (n *node) join(ctx context.Context, k storage.Key, o *causal.Object, document uint64) error {
	c, err := n.store.Write(ctx, k, storage.KindJoin, func(tx *storage.Tx) error {
		if e := tx.Partition().Entry; e.Changed > document || !e.Takes(n.id()) {
			return errNotHere
		}
		tx.SetObject(causal.Join(tx.Object(), o))
		return nil
	})
	if err != nil {
		return err
	}
	return c.Wait(ctx)
}

// Ask has the other node answer at once.
func (n *node) Ask(ctx context.Context, to ring.NodeID, _ ring.Partition, body []byte) ([]byte, error) {
	n.w.mu.Lock()
	away := n.w.away[to]
	n.w.asks[kind(body[0])]++
	x := n.w.byID[to].x
	n.w.mu.Unlock()
	if away || x == nil {
		return nil, errAway
	}
	time.Sleep(n.w.latency)
	return x.Handle(ctx, n.Document().Version, body)
}

// say sets whether a node is away, and tells the others when it is back.
func (w *world) say(id ring.NodeID, away bool) {
	w.mu.Lock()
	w.away[id] = away
	w.mu.Unlock()
	if !away {
		for _, one := range w.nodes {
			one.x.Back(id)
		}
	}
}

func (w *world) asked(k kind) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asks[k]
}

// sum adds up what all nodes did.
func (w *world) sum() Stats {
	var sum Stats
	for _, one := range w.nodes {
		s := one.x.Stats()
		sum.Exchanges += s.Exchanges
		sum.Equal += s.Equal
		sum.Unknown += s.Unknown
		sum.Failed += s.Failed
		sum.Messages += s.Messages
		sum.BytesOut += s.BytesOut
		sum.BytesIn += s.BytesIn
		sum.Segments += s.Segments
		sum.Keys += s.Keys
		sum.Pulled += s.Pulled
		sum.Pushed += s.Pushed
		sum.Trees += s.Trees
		sum.Dirty += s.Dirty
		sum.Served += s.Served
	}
	return sum
}

// key is the n-th key of the tests.
func key(n int) storage.Key { return storage.Key{Bucket: "default", Key: fmt.Sprintf("k%d", n)} }

// write is one write by an actor of its own, of a generation that there is.
func write(actor, counter, stamp uint64, value string) causal.Write {
	return causal.Write{
		Dot: causal.Dot{Actor: causal.Actor(actor), Counter: counter}, Stamp: causal.Stamp(stamp), Policy: causal.Siblings,
		Generation: 1, Value: []byte(value), Tombstone: value == "",
	}
}

func object(writes ...causal.Write) *causal.Object {
	var o *causal.Object
	for _, w := range writes {
		o = o.Put(w)
	}
	return o
}

// put joins an object into a node's copy behind everybody's back.
func (n *node) put(k storage.Key, o *causal.Object) {
	n.w.t.Helper()
	if err := n.join(context.Background(), k, o, 1<<60); err != nil {
		n.w.t.Fatal(err)
	}
}

// unequal counts the keys of which the nodes do not hold the same.
func (w *world) unequal() int {
	w.t.Helper()
	held := map[storage.Key]map[causal.Digest]int{}
	for _, one := range w.nodes {
		for r, err := range one.store.Scan(context.Background(), storage.ScanFrom{}, ^ring.Position(0)) {
			if err != nil {
				w.t.Fatal(err)
			}
			if held[r.Key] == nil {
				held[r.Key] = map[causal.Digest]int{}
			}
			held[r.Key][r.Object.Digest(nil, r.Key.Bucket, r.Key.Key)]++
		}
	}
	n := 0
	for _, digests := range held {
		for _, count := range digests {
			if count != len(w.nodes) {
				n++
				break
			}
		}
	}
	return n
}
