package replication

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/replication/agree"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/replication/rpc/memnet"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// cluster is a few coordinators over real stores and a network in memory, in a bubble.
type cluster struct {
	t     *testing.T
	net   *memnet.Network
	nodes []*testNode
	peers atomic.Pointer[[]ring.Peer] // nodes look at them while a test goes on
}

// testNode is one of them.
type testNode struct {
	*Coordinator
	host  string
	store *storage.Store
	agent *agree.Agent
	stop  func()        // ends it
	alone atomic.Bool   // it pulls no documents
	skew  atomic.Int64  // nanoseconds that its clock is ahead
	free  atomic.Uint64 // bytes on its disk, of which it refuses puts below diskMark
}

// Peers, Subscribe, Announce and Close make a cluster a Membership that never changes.
func (c *cluster) Peers() []ring.Peer { return *c.peers.Load() }
func (c *cluster) Subscribe(func())   {}
func (c *cluster) Announce(ring.Peer) {}
func (c *cluster) Close() error       { return nil }

var _ Membership = (*cluster)(nil)

// skewed is a node's clock.
type skewed struct{ n *testNode }

func (s skewed) Now() time.Time { return time.Now().Add(time.Duration(s.n.skew.Load())) }

func (skewed) AfterFunc(d time.Duration, f func()) clock.Timer { return time.AfterFunc(d, f) }

const diskMark = 1 << 30

// inCluster runs f over size nodes that all hold document 1, with N = 3.
func inCluster(t *testing.T, size int, f func(t *testing.T, c *cluster)) {
	t.Helper()
	inClusterOver(t, size, func(int) vfs.FS { return vfs.NewMem() }, f)
}

// inClusterOver is inCluster over given disks.
func inClusterOver(t *testing.T, size int, disk func(i int) vfs.FS, f func(t *testing.T, c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, net: memnet.New()}
		var peers []ring.Peer
		first := ring.FirstOptions{Cluster: strings.Repeat("a", 32), Secret: make([]byte, 32), Partitions: 8, Replicas: 3}
		for i := range size {
			n := &testNode{host: fmt.Sprintf("n%d", i)}
			n.free.Store(1 << 40)
			n.open(t, disk(i))
			c.nodes = append(c.nodes, n)
			peers = append(peers, ring.Peer{ID: n.store.NodeID(), Name: n.host, RPC: n.host + ":1", Nonce: 1})
			first.Members = append(first.Members, ring.Member{ID: n.store.NodeID(), Name: n.host, Weight: 100, RPC: n.host + ":1"})
		}
		c.peers.Store(&peers)
		doc, err := ring.First(first)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range c.nodes {
			c.start(n)
		}
		for _, n := range c.nodes {
			if err := n.agent.Adopt(t.Context(), doc.Raw()); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		f(t, c)
	})
}

// open opens the node's store.
func (n *testNode) open(t *testing.T, disk vfs.FS) {
	t.Helper()
	space := func(string) (free, total uint64, err error) { return n.free.Load(), 1 << 40, nil }
	var err error
	if n.store, err = storage.Open("store", storage.Options{FS: disk, Space: space, LowWater: diskMark, Clock: skewed{n}}); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) start(n *testNode) {
	c.t.Helper()
	endpoint, err := rpc.New(rpc.Options{
		Self: func() rpc.Hello { return rpc.Hello{Node: n.store.NodeID(), Nonce: 1} }, Network: c.net.Host(n.host),
		Document: func() uint64 {
			if d := n.agent.Document(); d != nil {
				return d.Version
			}
			return 0
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	var draw uint64
	var drawing sync.Mutex
	random := func() uint64 {
		drawing.Lock()
		defer drawing.Unlock()
		draw++
		return (draw + uint64(n.store.NodeID())) * 0x9e3779b97f4a7c15
	}
	n.agent, err = agree.New(agree.Options{
		Self: n.store.NodeID(), Log: &memoryLog{}, Peers: agreePeers{n}, Rand: random,
		Adopted: func(d *ring.Document) { n.Adopted(d) },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	n.Coordinator, err = New(Options{Name: n.host, Store: n.store, RPC: endpoint, Agent: n.agent, Members: c, Rand: random, Clock: skewed{n}})
	if err != nil {
		c.t.Fatal(err)
	}
	endpoint.Handle(MethodAgree, rpc.Spawn, func(ctx context.Context, req *rpc.Request) ([]byte, error) {
		return n.agent.Handle(ctx, req.From.ID, req.Body)
	})
	l, err := c.net.Host(n.host).Listen(n.host + ":1")
	if err != nil {
		c.t.Fatal(err)
	}
	endpoint.Serve(l)
	coordinator, agent, store := n.Coordinator, n.agent, n.store
	n.stop = sync.OnceFunc(func() {
		_ = coordinator.Close() // a test may have closed it
		for what, end := range map[string]func() error{"agent": agent.Close, "rpc": endpoint.Close} {
			if err := end(); err != nil {
				c.t.Errorf("close %s: %v", what, err)
			}
		}
		if err := store.Close(); err != nil && store.Failed() == nil {
			c.t.Errorf("close store: %v", err)
		}
	})
	c.t.Cleanup(n.stop)
}

// agreePeers carries what agents say, unless their node is alone.
type agreePeers struct{ n *testNode }

func (p agreePeers) Send(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error) {
	if p.n.alone.Load() {
		return nil, request.ErrClosed
	}
	return p.n.rpc.Call(ctx, p.n.health.Target(to), rpc.Call{Method: MethodAgree, Class: rpc.Bulk, Body: body})
}

// memoryLog keeps nothing over an end.
type memoryLog struct{}

func (*memoryLog) LoadAcceptor() ([]byte, error)              { return nil, nil }
func (*memoryLog) SaveAcceptor(context.Context, []byte) error { return nil }
func (*memoryLog) LoadDocument() ([]byte, error)              { return nil, nil }
func (*memoryLog) SaveDocument(context.Context, []byte) error { return nil }
func (*memoryLog) LoadAside() ([]string, error)               { return nil, nil }

func (*memoryLog) SaveAside(context.Context, string, []byte) error { return nil }

// key is the n-th key, the nodes that are its primaries, and the others.
func (c *cluster) key(n int) (key string, primaries, others []*testNode) {
	c.t.Helper()
	key = fmt.Sprintf("key-%d", n)
	doc := c.nodes[0].agent.Document()
	p := storage.Key{Bucket: "default", Key: key}.Position().Partition(doc.Partitions)
	for _, id := range slices.Concat(doc.Primaries(p), slices.Collect(doc.Fallbacks(p))) {
		i := slices.IndexFunc(c.nodes, func(n *testNode) bool { return n.self == id })
		if doc.IsPrimary(p, id) {
			primaries = append(primaries, c.nodes[i])
		} else {
			others = append(others, c.nodes[i])
		}
	}
	return key, primaries, others
}

// cut separates one node from others, in both directions.
func (c *cluster) cut(n *testNode, others ...*testNode) {
	for _, other := range others {
		c.net.Cut(n.host, other.host)
	}
}

func (c *cluster) mend(n *testNode, others ...*testNode) {
	for _, other := range others {
		c.net.Mend(n.host, other.host)
	}
}

// holds is what a node stores under a key itself, as values; "" is nothing.
func (n *testNode) holds(t *testing.T, key string) string {
	t.Helper()
	o, err := n.store.Read(t.Context(), storage.Key{Bucket: "default", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return values(o)
}

func (n *testNode) hint(t *testing.T, key string) *storage.Hint {
	t.Helper()
	h, err := n.store.ReadHint(t.Context(), storage.Key{Bucket: "default", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func values(o *causal.Object) string {
	if o == nil {
		return ""
	}
	var all []string
	for i := range o.Siblings {
		if o.Siblings[i].Tombstone {
			all = append(all, "†")
			continue
		}
		all = append(all, string(o.Siblings[i].Value))
	}
	slices.Sort(all)
	return strings.Join(all, "+")
}

// mustPut writes, and demands that it is acknowledged.
func (n *testNode) mustPut(t *testing.T, key, value string, o request.WriteOptions) request.Receipt {
	t.Helper()
	receipt, err := n.Put(t.Context(), "default", key, []byte(value), o)
	if err != nil {
		t.Fatalf("put %s=%s at %s: %v", key, value, n.host, err)
	}
	if receipt.Acks < receipt.Need {
		t.Errorf("put %s=%s at %s was acknowledged by %d of %d nodes", key, value, n.host, receipt.Acks, receipt.Need)
	}
	return receipt
}

// mustGet reads, and demands these values.
func (n *testNode) mustGet(t *testing.T, key, want string, o request.ReadOptions) request.Value {
	t.Helper()
	v, err := n.Get(t.Context(), "default", key, o)
	var got []string
	for _, s := range v.Siblings {
		got = append(got, string(s.Data))
	}
	slices.Sort(got)
	if text := strings.Join(got, "+"); text != want {
		t.Fatalf("get %s at %s: %q, %v; want %q", key, n.host, text, err, want)
	}
	if v.Answers.Got < v.Answers.Need {
		t.Errorf("get %s at %s rests on %d of %d nodes", key, n.host, v.Answers.Got, v.Answers.Need)
	}
	return v
}
