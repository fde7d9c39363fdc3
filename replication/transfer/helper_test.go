package transfer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// world is four nodes with stores of their own, and one document.
type world struct {
	t         *testing.T
	nodes     []*node
	deciding  sync.Mutex
	stuck     bool // nothing is decided
	seen      map[ring.Phase]int
	mu        sync.Mutex // guards what follows: nodes look at it while a test goes on
	doc       *ring.Document
	away      map[ring.NodeID]bool
	damage    func(answer []byte) []byte // what the line makes of answers
	refuse    bool                       // deliveries fail
	unsettled error                      // why no store goes by the document yet
}

type node struct {
	w     *world
	id    ring.NodeID
	fs    *vfs.MemFS
	store *storage.Store
	tr    *Transfer

	waits, paid atomic.Int64 // of the budget
	held        atomic.Bool
}

// set changes how the world is.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) document() *ring.Document { w.mu.Lock(); defer w.mu.Unlock(); return w.doc }

func (n *node) Document() *ring.Document { return n.w.document() }

// Settled is what the test says.
func (n *node) Settled(context.Context) error {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return n.w.unsettled
}

func (n *node) Up(id ring.NodeID) bool { n.w.mu.Lock(); defer n.w.mu.Unlock(); return !n.w.away[id] }

func (n *node) Ask(ctx context.Context, to ring.NodeID, _ ring.Partition, body []byte) ([]byte, error) {
	n.w.mu.Lock()
	away, damage := n.w.away[to], n.w.damage
	tr := n.w.node(to).tr
	n.w.mu.Unlock()
	if away {
		return nil, errors.New("away")
	}
	raw, err := tr.Handle(ctx, n.Document().Version, body)
	if err == nil && damage != nil {
		raw = damage(raw)
	}
	return raw, err
}

func (n *node) Deliver(ctx context.Context, to ring.NodeID, bucket, key string, o *causal.Object) error {
	n.w.mu.Lock()
	refuse := n.w.refuse || n.w.away[to]
	n.w.mu.Unlock()
	if refuse {
		return errors.New("no")
	}
	c, err := n.w.node(to).store.Write(ctx, storage.Key{Bucket: bucket, Key: key}, storage.KindJoin, func(tx *storage.Tx) error {
		if !tx.Partition().Entry.Takes(to) {
			return errMoved
		}
		tx.SetObject(causal.Join(tx.Object(), o))
		return nil
	})
	if err != nil {
		return err
	}
	return c.Wait(ctx)
}

// Propose decides at once, and tells everybody.
func (n *node) Propose(_ context.Context, edit func(*ring.Document) (*ring.Document, error)) error {
	w := n.w
	w.deciding.Lock()
	defer w.deciding.Unlock()
	if w.stuck {
		return errors.New("nobody votes")
	}
	next, err := edit(n.Document())
	if err != nil || next == nil {
		return err
	}
	for _, e := range next.Layout {
		w.seen[e.Phase]++
	}
	w.adopt(next)
	return nil
}

// Wait lets everything through, unless it is held, and counts.
func (n *node) Wait(ctx context.Context) error {
	n.waits.Add(1)
	if n.held.Load() {
		<-ctx.Done()
	}
	return context.Cause(ctx)
}

// Pay counts.
func (n *node) Pay(bytes int) { n.paid.Add(int64(bytes)) }

func (w *world) node(id ring.NodeID) *node {
	return w.nodes[slices.IndexFunc(w.nodes, func(n *node) bool { return n.id == id })]
}

// inWorld has nodes 0, 1 and 2 serve everything.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, away: map[ring.NodeID]bool{}, seen: map[ring.Phase]int{}, stuck: true}
		first := ring.FirstOptions{Cluster: strings.Repeat("a", 32), Secret: make([]byte, 32), Partitions: 8, Replicas: 3}
		for i := range 4 {
			n := &node{w: w, fs: vfs.NewCrashableMem()}
			n.open()
			w.nodes = append(w.nodes, n)
			first.Members = append(first.Members, ring.Member{ID: n.id, Name: fmt.Sprint(i), Weight: 100, RPC: "r:1"})
		}
		doc, err := ring.First(first)
		if err != nil {
			t.Fatal(err)
		}
		w.doc = doc
		for _, n := range w.nodes {
			n.start()
		}
		w.relayout(func(e *ring.Entry) { *e = ring.Entry{Serving: w.ids(0, 1, 2)} })
		f(t, w)
	})
}

func (n *node) open() {
	var err error
	if n.store, err = storage.Open("store", storage.Options{FS: n.fs}); err != nil {
		n.w.t.Fatal(err)
	}
	n.id = n.store.NodeID()
	store := n.store
	n.w.t.Cleanup(func() { _ = store.Close() })
}

func (n *node) start() {
	tr := New(Options{Store: n.store, Cluster: n, Budget: n, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)})
	n.w.t.Cleanup(tr.Close)
	n.w.set(func() { n.tr = tr })
}

func (w *world) ids(at ...int) []ring.NodeID {
	var ids []ring.NodeID
	for _, i := range at {
		ids = append(ids, w.nodes[i].id)
	}
	return ids
}

// relayout changes every entry, and tells everybody.
func (w *world) relayout(change func(*ring.Entry)) {
	w.t.Helper()
	next := w.document().Clone()
	next.Version++
	for i := range next.Layout {
		change(&next.Layout[i])
		next.Layout[i].Changed = next.Version
	}
	next.Change = &ring.Change{Applied: 2}
	next, err := next.Seal()
	if err != nil {
		w.t.Fatal(err)
	}
	w.adopt(next)
}

// adopt has everybody hold a document.
func (w *world) adopt(next *ring.Document) {
	for _, n := range w.nodes {
		if err := n.store.Install(next); err != nil {
			w.t.Error(err)
		}
	}
	w.set(func() { w.doc = next })
	for _, n := range w.nodes {
		n.tr.Kick()
	}
}

func (w *world) copying() {
	w.relayout(func(e *ring.Entry) { e.Next, e.Phase = w.ids(0, 1, 3), ring.PhaseCopy })
}

func (w *world) dropping() {
	w.relayout(func(e *ring.Entry) {
		*e = ring.Entry{Serving: w.ids(0, 1, 3), Former: w.ids(2), Phase: ring.PhaseDrop}
	})
}

func testKey(i int) storage.Key { return storage.Key{Bucket: "default", Key: fmt.Sprintf("k%d", i)} }

// put stores values first to first+n at nodes.
func (w *world) put(first, n int, at ...int) {
	w.t.Helper()
	bucket, _ := w.document().Bucket("default")
	for i := first; i < first+n; i++ {
		var none *causal.Object
		o := none.Put(causal.Write{
			Dot: causal.Dot{Actor: causal.Actor(1000 + i), Counter: 1}, Stamp: 5, Policy: causal.Siblings,
			Generation: bucket.Generation, Value: make([]byte, 100),
		})
		for _, a := range at {
			if err := w.nodes[0].Deliver(w.t.Context(), w.nodes[a].id, "default", testKey(i).Key, o); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func (n *node) count() int {
	total := 0
	for _, err := range n.store.Scan(n.w.t.Context(), storage.ScanFrom{}, ^ring.Position(0)) {
		if err != nil {
			n.w.t.Fatal(err)
		}
		total++
	}
	return total
}

func (n *node) report() *Report {
	r, err := n.tr.Report(n.w.t.Context())
	if err != nil {
		n.w.t.Fatal(err)
	}
	return r
}
