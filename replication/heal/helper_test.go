package heal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

var errAway = errors.New("away")

const (
	testPartitions = 8
	testKeys       = 300
)

// world is three stores that hold the same of every partition, and what goes between them.
type world struct {
	t     *testing.T
	nodes []*node
	byID  map[ring.NodeID]*node

	mu   sync.Mutex
	away map[ring.NodeID]bool // it is not up
	mute map[ring.NodeID]bool // it is up, and does not answer
}

// node is one member of a world.
type node struct {
	w      *world
	disk   *vfs.MemFS
	store  *storage.Store
	heal   *Heal
	healed int
	doc    *ring.Document
}

var _ Cluster = (*node)(nil)

type unpaced struct{}

func (unpaced) Wait(ctx context.Context) error { return context.Cause(ctx) }
func (unpaced) Pay(int)                        {}

// disks makes, once, what three stores leave that hold the same testKeys keys in tables.
var disks = sync.OnceValues(func() ([]*vfs.MemFS, error) {
	var made []*vfs.MemFS
	for i := range 3 {
		disk := vfs.NewCrashableMem()
		s, err := storage.Open("store", storage.Options{FS: disk, Rand: rand.New(rand.NewPCG(uint64(i), 1)).Uint64})
		if err != nil {
			return nil, err
		}
		doc := &ring.Document{Partitions: testPartitions, Layout: make([]ring.Entry, testPartitions)}
		for p := range doc.Layout {
			doc.Layout[p].Serving = []ring.NodeID{s.NodeID()}
		}
		if err := s.Install(doc); err != nil {
			return nil, err
		}
		for k := range testKeys {
			if err := put(context.Background(), s, key(k), object(uint64(k+1), value(k))); err != nil {
				return nil, err
			}
		}
		if err := s.Close(); err != nil {
			return nil, err
		}
		if s, err = storage.Open("store", storage.Options{FS: disk}); err != nil { // the log becomes a table
			return nil, err
		}
		if err := s.Close(); err != nil {
			return nil, err
		}
		made = append(made, disk)
	}
	return made, nil
})

// newWorld opens three stores with testKeys keys each.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, byID: map[ring.NodeID]*node{}, away: map[ring.NodeID]bool{}, mute: map[ring.NodeID]bool{}}
	first := ring.FirstOptions{Cluster: strings.Repeat("a", 32), Secret: make([]byte, 32), Partitions: testPartitions, Replicas: 3}
	made, err := disks()
	if err != nil {
		t.Fatal(err)
	}
	for i, disk := range made {
		one := &node{w: w, disk: disk.CrashClone(vfs.CrashCloneCfg{})}
		one.open(uint64(i + 1))
		w.nodes, w.byID[one.store.NodeID()] = append(w.nodes, one), one
		first.Members = append(first.Members, ring.Member{ID: one.store.NodeID(), Name: fmt.Sprintf("n%d", i+1), Weight: 100, RPC: "r:1"})
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

func (n *node) open(seed uint64) {
	n.w.t.Helper()
	var err error
	n.store, err = storage.Open("store", storage.Options{FS: n.disk, Rand: rand.New(rand.NewPCG(seed, 1)).Uint64})
	if err != nil {
		n.w.t.Fatal(err)
	}
	store := n.store
	n.w.t.Cleanup(func() { _ = store.Close() })
}

// start begins to heal on all nodes.
func (w *world) start() {
	for _, one := range slices.Backward(w.nodes) { // the first is damaged: it asks at once
		heal := New(Options{
			Store: one.store, Cluster: one, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler), Pace: unpaced{},
			Healed: func() { one.healed++ },
		})
		w.t.Cleanup(heal.Close)
		w.mu.Lock()
		one.heal = heal
		w.mu.Unlock()
	}
}

func (n *node) install(doc *ring.Document) {
	n.w.t.Helper()
	if err := n.store.Install(doc); err != nil {
		n.w.t.Fatal(err)
	}
	n.doc = doc
}

func (n *node) id() ring.NodeID { return n.store.NodeID() }

// Document is the one that was installed.
func (n *node) Document() *ring.Document { return n.doc }

// Up is what the test says.
func (n *node) Up(id ring.NodeID) bool {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	return !n.w.away[id]
}

// Ask has the other node answer at once.
func (n *node) Ask(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error) {
	n.w.mu.Lock()
	silent := n.w.away[to] || n.w.mute[to]
	heal := n.w.byID[to].heal
	n.w.mu.Unlock()
	if silent || heal == nil {
		return nil, errAway
	}
	return heal.Handle(ctx, n.doc.Version, body)
}

func (w *world) say(set map[ring.NodeID]bool, yes bool, nodes ...*node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range nodes {
		set[n.id()] = yes
	}
}

func key(n int) storage.Key { return storage.Key{Bucket: "default", Key: fmt.Sprintf("k%d", n)} }

// value is the n-th key's, of a size at which a table of them has some dozen blocks.
func value(n int) string {
	noise := make([]byte, 1<<10)
	_, _ = rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(noise) // never fails
	return string(noise)
}

// object is one write of an actor of its own.
func object(actor uint64, value string) *causal.Object {
	var o *causal.Object
	return o.Put(causal.Write{
		Dot: causal.Dot{Actor: causal.Actor(actor), Counter: 1}, Stamp: 1, Policy: causal.Siblings, Generation: 1, Value: []byte(value),
	})
}

// put joins an object into a node's copy.
func (n *node) put(k storage.Key, o *causal.Object) {
	n.w.t.Helper()
	if err := put(n.w.t.Context(), n.store, k, o); err != nil {
		n.w.t.Fatal(err)
	}
}

func put(ctx context.Context, s *storage.Store, k storage.Key, o *causal.Object) error {
	c, err := s.Write(ctx, k, storage.KindJoin, func(tx *storage.Tx) error {
		tx.SetObject(causal.Join(tx.Object(), o))
		return nil
	})
	if err == nil {
		err = c.Wait(ctx)
	}
	return err
}

// damage flips a byte in the largest table of a node's, and reads every key: how many
// cannot be read.
func (n *node) damage(seed uint64) (bad []storage.Key) {
	n.w.t.Helper()
	if err := n.store.Close(); err != nil {
		n.w.t.Fatal(err)
	}
	dir := n.disk.PathJoin("store", "db")
	names, err := n.disk.List(dir)
	if err != nil {
		n.w.t.Fatal(err)
	}
	largest, size := "", int64(0)
	for _, name := range names {
		if info, err := n.disk.Stat(n.disk.PathJoin(dir, name)); err == nil && strings.HasSuffix(name, ".sst") && info.Size() > size {
			largest, size = name, info.Size()
		}
	}
	f, err := n.disk.OpenReadWrite(n.disk.PathJoin(dir, largest), "test")
	if err != nil {
		n.w.t.Fatal(err)
	}
	var b [1]byte
	at := size/4 + int64(rand.New(rand.NewPCG(seed, 2)).IntN(int(size/4)))
	if _, err := f.ReadAt(b[:], at); err != nil {
		n.w.t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], at); err != nil {
		n.w.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		n.w.t.Fatal(err)
	}
	n.open(seed + 30)
	n.install(n.doc)
	return n.unread()
}

// unread reads every key. One that is not there fails the test: nothing was deleted.
func (n *node) unread() (bad []storage.Key) {
	n.w.t.Helper()
	for i := range testKeys {
		o, err := n.store.Read(n.w.t.Context(), key(i))
		switch {
		case errors.Is(err, storage.ErrCorrupt):
			bad = append(bad, key(i))
		case err != nil:
			n.w.t.Fatalf("read: %v", err)
		case o == nil || string(o.Siblings[0].Value) != value(i):
			n.w.t.Errorf("key %d reads as %v", i, o)
		}
	}
	return bad
}
