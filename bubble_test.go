package henge_test

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/replication"
	"github.com/hengedb/henge/replication/rpc/memnet"
	"github.com/hengedb/henge/ring"
)

// testCluster is a cluster of whole nodes in a bubble, over a network and disks in
// memory: how busy the machine is changes nothing in it.
type testCluster struct {
	t     *testing.T
	net   *memnet.Network
	table *table
	nodes []*henge.Node
	disks []vfs.FS

	change func(*henge.Options)
}

// inCluster runs f over a cluster that serves.
func inCluster(t *testing.T, size int, f func(t *testing.T, c *testCluster)) {
	t.Helper()
	inClusterOf(t, size, func(*henge.Options) {}, f)
}

// inClusterOf is inCluster with the options of every node changed.
func inClusterOf(t *testing.T, size int, change func(*henge.Options), f func(t *testing.T, c *testCluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &testCluster{t: t, net: memnet.New(), table: &table{}, nodes: make([]*henge.Node, size), change: change}
		t.Cleanup(func() {
			for i, node := range c.nodes {
				if node != nil {
					c.close(i)
				}
			}
		})
		for range size {
			c.disks = append(c.disks, vfs.NewMem())
		}
		for i := range size {
			c.open(i)
		}
		c.ready()
		f(t, c)
	})
}

// open starts node i on what its disk holds.
func (c *testCluster) open(i int) {
	c.t.Helper()
	name := fmt.Sprintf("n%d", i+1)
	o := henge.Options{
		Name: name, RPC: name + ":7421", Gossip: name + ":7422", Join: []string{"n1:7422"}, Init: i == 0,
		Seams: henge.Seams{FS: c.disks[i], Network: c.net.Host(name), Membership: c.table.join},
	}
	if o.Init {
		o.Expect = len(c.nodes)
	}
	c.change(&o)
	node, err := henge.Open(c.t.Context(), "node", o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes[i] = node
}

func (c *testCluster) ready() {
	c.t.Helper()
	for i, node := range c.nodes {
		if err := node.Ready(c.t.Context()); err != nil {
			c.t.Fatalf("node %d: %v", i, err)
		}
	}
}

func (c *testCluster) close(i int) {
	c.t.Helper()
	if err := c.nodes[i].Close(); err != nil {
		c.t.Errorf("close node %d: %v", i, err)
	}
	c.nodes[i] = nil
}

func (c *testCluster) hints() (owed int64) {
	for _, node := range c.nodes {
		if node != nil {
			owed += node.Status(c.t.Context()).Hints.Count
		}
	}
	return owed
}

// table is a Membership that everybody reads: news reach all at once.
type table struct {
	telling sync.Mutex // one piece of news after the other, so that the last one is what holds
	mu      sync.Mutex
	seats   []*seat // of live processes
}

// seat is one process's place in it.
type seat struct {
	table *table
	self  ring.Peer // under the table's lock, as is told
	told  []func()
}

var _ replication.Membership = (*seat)(nil)

func (t *table) join(self ring.Peer) (replication.Membership, error) {
	s := &seat{table: t}
	t.mu.Lock()
	t.seats = append(t.seats, s)
	t.mu.Unlock()
	s.Announce(self)
	return s, nil
}

// tellLocked has everybody hear of a change.
func (t *table) tellLocked() {
	var told []func()
	for _, s := range t.seats {
		told = append(told, s.told...)
	}
	go func() {
		t.telling.Lock()
		defer t.telling.Unlock()
		for _, f := range told {
			f()
		}
	}()
}

func (s *seat) Peers() (peers []ring.Peer) {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	for _, other := range s.table.seats {
		peers = append(peers, other.self)
	}
	slices.SortFunc(peers, func(a, b ring.Peer) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Nonce, b.Nonce))
	})
	return peers
}

func (s *seat) Subscribe(f func()) {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	s.told = append(s.told, f)
}

func (s *seat) Announce(self ring.Peer) {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	s.self = self
	s.table.tellLocked()
}

func (s *seat) Close() error {
	s.table.mu.Lock()
	defer s.table.mu.Unlock()
	s.table.seats = slices.DeleteFunc(s.table.seats, func(other *seat) bool { return other == s })
	s.table.tellLocked()
	return nil
}
