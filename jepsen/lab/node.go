package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/replication"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
)

var (
	_ rpc.Network            = (*Host)(nil)
	_ replication.Membership = (*Member)(nil)
)

// Node is one machine: a disk, and at most one process at a time.
type Node struct {
	lab  *Lab
	name string
	id   uint64 // of the seed and the name

	mu     sync.Mutex // guards what follows
	disk   *vfs.MemFS
	starts uint64
	proc   *process // nil while the node is dead
	member bool     // it is part of the cluster, or about to be
	going  bool     // it is asked nothing any more: a change removes it
	lost   bool     // it died for ever
	wiped  bool     // its disk was lost once
	copied *vfs.MemFS
	older  bool // its disk was replaced by an older copy
}

// process is one start of a node.
type process struct {
	host  *Host
	clock *Clock
	node  *henge.Node

	mu    sync.Mutex // guards what follows
	ready time.Time  // when it began to serve
}

// The ports are the product's own.
const (
	portHTTP   = "7420"
	portRPC    = "7421"
	portGossip = "7422"
)

// dir is where a node keeps its store.
const dir = "/henge"

func newNode(l *Lab, i int) *Node {
	name := fmt.Sprintf("n%d", i+1)
	return &Node{lab: l, name: name, id: chance(l.o.Seed, text(name)), disk: vfs.NewCrashableMem(), member: i < l.o.Nodes}
}

// Name is n1, n2, and so on.
func (n *Node) Name() string { return n.name }

// Start starts the node's process on what its disk holds, and returns when its
// listeners stand.
func (n *Node) Start(ctx context.Context) error {
	n.mu.Lock()
	if n.proc != nil {
		n.mu.Unlock()
		return fmt.Errorf("%s runs already", n.name)
	}
	n.starts++
	start := chance(n.id, n.starts)
	p := &process{host: n.lab.Net.Host(n.name), clock: NewClock(start)}
	if skew := n.lab.o.Skew; skew > 0 {
		p.clock.Set(within(chance(start, 1), 2*skew) - skew)
	}
	o := n.options(p, start)
	n.mu.Unlock()
	node, err := henge.Open(ctx, dir, o)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	p.node = node
	n.mu.Lock()
	n.proc = p
	n.mu.Unlock()
	n.lab.ending.Go(func() { p.awaitReady(n.lab) })
	return nil
}

func (n *Node) options(p *process, seed uint64) henge.Options {
	l := n.lab
	o := henge.Options{
		Name: n.name, HTTP: n.name + ":" + portHTTP, RPC: n.name + ":" + portRPC, Gossip: n.name + ":" + portGossip,
		Replicas: l.o.Replicas, Partitions: partitions(l.o.Nodes + l.o.Spares), CacheBytes: 1 << 20, Logger: l.o.Logger,
		Seams: henge.Seams{
			FS: n.disk, Network: p.host, Clock: p.clock, Seed: seed | 1,
			Membership: func(self ring.Peer) (replication.Membership, error) { return l.Table.Join(p.host, self), nil },
		},
	}
	if l.o.Forget.Grace > 0 {
		o.ReapEvery, o.ExchangeEvery = l.o.Forget.ReapEvery, l.o.Forget.ExchangeEvery
	}
	if n == l.nodes[0] && !n.wiped {
		o.Init, o.Expect = true, l.o.Nodes
	}
	for _, other := range l.nodes {
		if other != n {
			o.Join = append(o.Join, other.name+":"+portGossip)
		}
	}
	return o
}

// partitions is the smallest number that so many nodes may have: what is tested is
// not how many there are.
func partitions(nodes int) int {
	q := 16
	for q < 8*nodes {
		q *= 2
	}
	return q
}

func (p *process) awaitReady(l *Lab) {
	if p.node.Ready(context.Background()) != nil {
		return // it was stopped first
	}
	p.mu.Lock()
	p.ready = time.Now()
	p.mu.Unlock()
	l.Sometimes.Saw("a node became ready")
}

// AwaitReady waits until the node serves.
func (n *Node) AwaitReady(ctx context.Context) error {
	p := n.current()
	if p == nil {
		return fmt.Errorf("%s is dead", n.name)
	}
	if err := p.node.Ready(ctx); err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	return nil
}

func (n *Node) current() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.proc
}

// Process is the node's running henge.Node; nil while it is dead. What it answers
// counts only if Alive says afterwards that it still runs: a killed process may
// finish what it was at, but nobody would hear of it.
func (n *Node) Process() *henge.Node {
	if p := n.current(); p != nil {
		return p.node
	}
	return nil
}

// Alive reports whether node is the process that runs now.
func (n *Node) Alive(node *henge.Node) bool {
	p := n.current()
	return p != nil && p.node == node
}

// Serving reports whether the node runs, holds the cluster document, and is not on
// its way out of the cluster: an operator sends no clients to such a one.
func (n *Node) Serving() bool { return n.servingSince(0) }

func (n *Node) isMember() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.member
}

// setPart says whether the node is part of the cluster, and on its way out of it.
func (n *Node) setPart(member, going bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.member, n.going = member, going
}

// lose ends the process for ever.
func (n *Node) lose() {
	n.mu.Lock()
	n.member, n.going, n.lost = false, true, true
	n.mu.Unlock()
	n.Kill()
}

func (n *Node) isLost() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

func (n *Node) isGoing() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.going
}

func (n *Node) servingSince(d time.Duration) bool {
	p := n.current()
	if p == nil || n.isGoing() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.ready.IsZero() && time.Since(p.ready) >= d
}

// Kill ends the process as SIGKILL does: what it had written to its files is kept,
// what it still had in memory is gone.
func (n *Node) Kill() { n.crash(100, false) }

// PowerOff takes the power from the machine. Of what was written and not synced
// each block is kept with the given chance, in percent. With 0 and 100 the same
// seed keeps the same blocks; in between the file system draws in no fixed order.
func (n *Node) PowerOff(kept int) { n.crash(kept, true) }

// crash takes the process out of the world before it copies the disk, so that
// nothing the copy lacks can have been told to anybody.
func (n *Node) crash(kept int, power bool) {
	n.mu.Lock()
	p := n.proc
	n.proc = nil
	n.mu.Unlock()
	if p == nil {
		return
	}
	if power {
		p.host.PowerOff()
	} else {
		p.host.Kill()
	}
	n.mu.Lock()
	draws := rand.New(rand.NewPCG(n.id, n.starts))
	n.disk = n.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: draws})
	n.mu.Unlock()
	n.takeDown(p)
}

// takeDown ends a process that nobody hears any more.
func (n *Node) takeDown(p *process) {
	n.lab.ending.Go(func() {
		if err := p.node.Close(); err != nil {
			n.lab.leaked(fmt.Errorf("%s: close: %w", n.name, err))
		}
	})
}

// stop ends the process cleanly.
func (n *Node) stop() {
	n.mu.Lock()
	p := n.proc
	n.proc = nil
	n.mu.Unlock()
	if p != nil {
		n.takeDown(p)
	}
}

func (l *Lab) leaked(err error) {
	l.faults.Lock()
	defer l.faults.Unlock()
	l.leaks = append(l.leaks, err)
}
