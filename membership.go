package henge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hengedb/henge/replication"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/ring/gossip"
	"github.com/hengedb/henge/storage/clock"
)

// alone is the membership of a node without an address.
type alone struct{ self ring.Peer }

var _ replication.Membership = alone{}

// Peers is this node alone.
func (a alone) Peers() []ring.Peer { return []ring.Peer{a.self} }

// Subscribe promises nothing: nobody comes or goes.
func (alone) Subscribe(func()) {}

// Announce tells nobody.
func (alone) Announce(ring.Peer) {}

// Close has nothing to leave.
func (alone) Close() error { return nil }

// peerState is what the node tells about itself, and what it remembers of others.
type peerState struct {
	mu    sync.Mutex // guards what follows
	self  ring.Peer
	known []string // gossip addresses of peers seen, kept in the store
}

// metaPeers is where the store keeps the gossip addresses of known peers: the way
// back into the cluster when no seed answers.
const metaPeers = "peers"

// maxKnown bounds the remembered addresses.
const maxKnown = 1000

// join becomes part of gossip.
func (n *Node) join() (replication.Membership, error) {
	n.peer.self = ring.Peer{
		ID: n.store.NodeID(), Name: n.name(), Zone: n.o.Zone, HTTP: n.addrs.HTTP, RPC: n.addrs.RPC, Gossip: n.o.Gossip, Nonce: n.nonce,
	}
	if doc := n.agent.Document(); doc != nil {
		n.peer.self.Cluster, n.peer.self.Doc = doc.Cluster, doc.Name()
	}
	if err := n.recallPeers(); err != nil {
		return nil, err
	}
	switch {
	case n.o.Seams.Membership != nil:
		n.addrs.Gossip = n.o.Gossip
		return n.o.Seams.Membership(n.peer.self)
	case n.o.Gossip == "":
		return alone{n.peer.self}, nil
	}
	profile := gossip.LAN
	if n.o.LocalGossip {
		profile = gossip.Local
	}
	g, err := gossip.Open(gossip.Options{
		Self: n.peer.self, Bind: n.o.Gossip, Seeds: n.o.Join, Known: n.knownPeers, Profile: profile,
		Sleep: func(ctx context.Context, d time.Duration) error { return clock.Sleep(ctx, n.o.Seams.Clock, d) },
		Rand:  n.rand, Logger: n.log,
	})
	if err != nil {
		return nil, err
	}
	n.addrs.Gossip = g.Addr()
	n.peer.self.Gossip = g.Addr()
	return g, nil
}

// announce tells everybody what this node is now.
func (n *Node) announce() {
	n.peer.mu.Lock()
	if doc := n.agent.Document(); doc != nil {
		n.peer.self.Cluster, n.peer.self.Doc = doc.Cluster, doc.Name()
	}
	n.peer.self.Leaving = n.keys.Leaving()
	self := n.peer.self
	n.peer.mu.Unlock()
	n.members.Announce(self)
}

func (n *Node) knownPeers() []string {
	n.peer.mu.Lock()
	defer n.peer.mu.Unlock()
	return n.peer.known
}

func (n *Node) recallPeers() error {
	raw, err := n.store.Meta(metaPeers)
	if err != nil || raw == nil {
		return err
	}
	if err := json.Unmarshal(raw, &n.peer.known); err != nil {
		return fmt.Errorf("the store's list of peers: %w", err)
	}
	return nil
}

// rememberPeers keeps the gossip addresses that were seen.
func (n *Node) rememberPeers(peers []ring.Peer) {
	n.peer.mu.Lock()
	seen := make(map[string]bool, len(n.peer.known))
	for _, addr := range n.peer.known {
		seen[addr] = true
	}
	known := append([]string(nil), n.peer.known...)
	for _, p := range peers {
		if p.ID != n.store.NodeID() && p.Gossip != "" && !seen[p.Gossip] {
			known = append(known, p.Gossip)
		}
	}
	grown := len(known) > len(n.peer.known)
	n.peer.known = known[max(0, len(known)-maxKnown):]
	raw, err := json.Marshal(n.peer.known)
	n.peer.mu.Unlock()
	if !grown {
		return
	}
	if err == nil {
		err = n.store.SaveMeta(n.life, metaPeers, raw)
	}
	if err != nil && n.life.Err() == nil {
		n.log.Warn("peers cannot be remembered", slog.String("error", err.Error()))
	}
}

// errTwin is a second live process with this node's id.
var errTwin = errors.New("another live process has this node's id: its data directory is a copy of this one, or the other way round; stop one of them and give it an empty directory")

// refuseTwin ends this node when another live process answers under its id. Of two
// that both serve already, the one that was started later goes.
func (n *Node) refuseTwin(peers []ring.Peer) bool {
	for _, p := range peers {
		if p.ID != n.store.NodeID() || p.Nonce == n.nonce || p.RPC == n.addrs.RPC {
			continue // this process, or the entry of an earlier start at this address
		}
		if n.isReady() && n.nonce < p.Nonce {
			continue
		}
		ctx, cancel := clock.WithTimeout(n.life, n.o.Seams.Clock, time.Second)
		_, err := n.rpc.Probe(ctx, p.RPC)
		cancel()
		if err == nil || errors.Is(err, rpc.ErrRefused) {
			n.fail(fmt.Errorf("%w (id %s, the other one listens on %s)", errTwin, p.ID, p.RPC))
			return true
		}
	}
	return false
}

// refuseStray ends this node when a seed it was told to join is of another cluster:
// it was given the wrong directory, or the wrong seeds. The other cluster's nodes,
// whose seeds are their own, see the same and go on.
func (n *Node) refuseStray(peers []ring.Peer) bool {
	doc := n.agent.Document()
	if doc == nil {
		return false
	}
	for _, p := range peers {
		if p.Cluster == "" || p.Cluster == doc.Cluster || !n.isSeed(p.Gossip) {
			continue
		}
		n.fail(fmt.Errorf("the data directory belongs to cluster %s, but the seed %s to cluster %s: give this node an empty directory, or the seeds of its own cluster",
			doc.Cluster, p.Gossip, p.Cluster))
		return true
	}
	return false
}

// isSeed reports whether Join names an address, by its numbers or by a name.
func (n *Node) isSeed(addr string) bool {
	if slices.Contains(n.o.Join, addr) {
		return true
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ctx, cancel := clock.WithTimeout(n.life, n.o.Seams.Clock, time.Second)
	defer cancel()
	for _, seed := range n.o.Join {
		name, at, err := net.SplitHostPort(seed)
		if err != nil || at != port {
			continue
		}
		// A name that cannot be resolved now is looked up again the next time.
		if ips, err := net.DefaultResolver.LookupHost(ctx, name); err == nil && slices.Contains(ips, host) {
			return true
		}
	}
	return false
}

// startNonce names this start of the process: a later one is higher, as far as clocks
// agree, so that a copy of a data directory ends and not the node that it copies.
func startNonce(now time.Time, draw uint64) uint64 {
	const random = 20                                          // bits; the milliseconds above them last until the year 2500
	return uint64(now.UnixMilli())<<random | draw>>(64-random) //nolint:gosec // after 1970
}

// hello is how this node introduces itself on every connection.
func (n *Node) hello() rpc.Hello {
	hello := rpc.Hello{Node: n.store.NodeID(), Nonce: n.nonce, Name: n.name()}
	if n.agent != nil {
		if doc := n.agent.Document(); doc != nil {
			hello.Cluster, hello.Document = doc.Cluster, doc.Version
		}
	}
	return hello
}

// checkPeer refuses connections of strangers, in words that reach them.
func (n *Node) checkPeer(h rpc.Hello) error {
	if h.Node == n.store.NodeID() && h.Nonce != n.nonce {
		return errTwin
	}
	doc := n.agent.Document()
	switch {
	case doc != nil && doc.IsExpelled(h.Node):
		return fmt.Errorf("node %s (%s) was expelled from the cluster: its id is refused for ever", h.Name, h.Node)
	case doc == nil || h.Cluster == "" || h.Cluster == doc.Cluster:
		return nil
	default:
		return fmt.Errorf("node %s (%s) belongs to cluster %s, this one to %s", h.Name, h.Node, h.Cluster, doc.Cluster)
	}
}

// listenOn listens on addr; nil when there is none.
func (n *Node) listenOn(what, addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := n.o.Seams.Network.Listen(addr)
	if err != nil {
		return nil, fmt.Errorf("%s address %s: %w", what, addr, err)
	}
	return l, nil
}

func addrOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

func closeListener(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// name is what people call the node.
func (n *Node) name() string {
	if n.o.Name != "" {
		return n.o.Name
	}
	return n.store.NodeID().String()
}

// agreePeers carries package agree's messages.
type agreePeers struct{ n *Node }

// Send asks one node and waits for its answer.
func (p agreePeers) Send(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error) {
	return p.n.rpc.Call(ctx, p.n.keys.Health().Target(to), rpc.Call{Method: replication.MethodAgree, Class: rpc.Bulk, Body: body})
}

func (n *Node) serveAgree(ctx context.Context, req *rpc.Request) ([]byte, error) {
	return n.agent.Handle(ctx, req.From.ID, req.Body)
}
