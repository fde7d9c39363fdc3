package reap

import (
	"context"
	"errors"
	"log/slog"
	"slices"
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

// cluster is a few members with stores of their own, of which each leads rounds when a
// test has it pass.
type cluster struct {
	doc     *ring.Document
	members map[ring.NodeID]*member

	mu sync.Mutex // guards what follows
	// meddle says what becomes of a message, and may do things before it arrives.
	meddle func(to ring.NodeID, a ask) error
}

// member is one of them.
type member struct {
	*Reap
	c         *cluster
	self      ring.NodeID
	store     *storage.Store
	undecided bool
}

// size is how many members there are: one that is no replica of any partition is among them.
const size = 4

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{members: map[ring.NodeID]*member{}}
	first := ring.FirstOptions{Cluster: strings.Repeat("a", 32), Secret: make([]byte, 32), Partitions: 8, Replicas: 3}
	for range size {
		s := newStore(t)
		m := &member{c: c, self: s.NodeID(), store: s}
		c.members[m.self] = m
		first.Members = append(first.Members, ring.Member{ID: m.self, Name: m.self.String(), Weight: 100, RPC: m.self.String() + ":1"})
		t.Cleanup(func() { m.Close() })
	}
	doc, err := ring.First(first)
	if err != nil {
		t.Fatal(err)
	}
	reaping := doc.Clone()
	reaping.Version, reaping.Reaping, reaping.Settings.GraceMillis = 2, true, 1
	if c.doc, err = reaping.Seal(); err != nil {
		t.Fatal(err)
	}
	for _, m := range c.members {
		for _, d := range []*ring.Document{doc, c.doc} {
			if err := m.store.Install(d); err != nil {
				t.Fatal(err)
			}
		}
		for p := range c.doc.Layout {
			p := ring.Partition(p) //nolint:gosec // there are 8
			if !slices.Contains(c.doc.Entry(p).Serving, m.self) {
				continue
			}
			if err := m.store.BuildTree(t.Context(), p, func(context.Context, int) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		m.start()
	}
	return c
}

func newStore(t *testing.T) *storage.Store {
	t.Helper()
	s, err := storage.Open("store", storage.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// start is a process start: what rounds keep in memory is gone.
func (m *member) start() {
	if m.Reap != nil {
		m.Close()
	}
	m.Reap = &Reap{
		o: Options{
			Self: m.self, Store: m.store, Cluster: m, Budget: free{}, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler),
			Rand: func() uint64 { return uint64(m.self) },
		},
		answered: map[ring.Partition]causal.Epoch{}, committed: map[ring.Partition]causal.Epoch{}, ripe: map[ring.Partition]time.Time{},
		young: map[ring.Partition]time.Time{}, old: map[ring.Partition]time.Time{},
	}
	m.life, m.end = context.WithCancel(context.Background())
}

func (m *member) Document() *ring.Document                                   { return m.c.doc }
func (m *member) Settled(context.Context) error                              { return nil }
func (m *member) Undecided(context.Context) (bool, error)                    { return m.undecided, nil }
func (m *member) Up(ring.NodeID) bool                                        { return true }
func (m *member) Meet(context.Context, ring.Partition, storage.Epochs) error { return nil }
func (m *member) Propose(context.Context, func(*ring.Document) (*ring.Document, error)) error {
	return errors.New("it reaps already")
}

func (m *member) Ask(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error) {
	var a ask
	if err := decode(body, &a); err != nil {
		return nil, err
	}
	m.c.mu.Lock()
	meddle := m.c.meddle
	m.c.mu.Unlock()
	if meddle != nil {
		if err := meddle(to, a); err != nil {
			return nil, err
		}
	}
	return m.c.members[to].Handle(ctx, body)
}

// free is a budget without end.
type free struct{}

func (free) Wait(context.Context) error { return nil }
func (free) Pay(int)                    {}

// placed is a key with who has to do with it.
type placed struct {
	key       storage.Key
	partition ring.Partition
	replicas  []*member
	other     *member // which is no replica
}

func (c *cluster) placed() placed {
	k := placed{key: storage.Key{Bucket: ring.DefaultBucket, Key: "k"}}
	k.partition = k.key.Position().Partition(len(c.doc.Layout))
	for _, id := range c.doc.Entry(k.partition).Serving {
		k.replicas = append(k.replicas, c.members[id])
	}
	for _, m := range c.members {
		if m != k.replicas[0] && m != k.replicas[1] && m != k.replicas[2] {
			k.other = m
		}
	}
	return k
}

// deleted is an object that was deleted long ago, by the n-th write.
func deleted(n uint64) *causal.Object {
	return (&causal.Object{}).Put(causal.Write{
		Dot: causal.Dot{Actor: 7, Counter: n}, Stamp: causal.StampOf(time.Unix(1_000_000_000, 0)), Tombstone: true, Policy: causal.Siblings, Generation: 1,
	})
}

// hold makes a member's store hold an object, or a hint of it.
func (m *member) hold(t *testing.T, k placed, o *causal.Object, inHint bool) {
	t.Helper()
	commit, err := m.store.Write(t.Context(), k.key, storage.KindRepair, func(tx *storage.Tx) error {
		o := o.At(tx.Partition().Epochs.Raised)
		if inHint {
			tx.SetHint(&storage.Hint{Targets: []ring.NodeID{k.replicas[0].self}, Mark: 1, Object: o})
		} else {
			tx.SetObject(causal.Join(tx.Object(), o))
		}
		return nil
	})
	if err == nil {
		err = commit.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (m *member) holds(t *testing.T, k placed) bool {
	t.Helper()
	o, err := m.store.Read(t.Context(), k.key)
	if err != nil {
		t.Fatal(err)
	}
	return o != nil
}
