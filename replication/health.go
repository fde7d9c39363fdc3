package replication

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// Health is this node's own view of which nodes answer. Gossip hints; a call that
// is refused or times out counts at once, so that stalled nodes and one-way
// splits are seen before gossip sees them. Only an answer brings a node back: the
// ones that are down are probed until they give one.
type Health struct {
	self    ring.NodeID
	members Membership
	dial    prober
	clock   clock.Clock
	log     *slog.Logger
	onUp    func(ring.NodeID)

	view atomic.Pointer[map[ring.NodeID]NodeHealth]

	mu     sync.Mutex // guards what follows
	nodes  map[ring.NodeID]*nodeRecord
	closed bool

	life   context.Context
	end    context.CancelFunc
	probes sync.WaitGroup
}

// prober is the one thing that Health asks of the transport.
type prober interface {
	Call(ctx context.Context, to rpc.Target, call rpc.Call) ([]byte, error)
}

// NodeHealth is what is known of one node.
type NodeHealth struct {
	Peer   ring.Peer // as gossip told last, else as the cluster document has it
	Up     bool
	Gossip bool      // gossip lists it now
	Reason string    // when not up: what was seen
	Since  time.Time // when not up: since when
}

// nodeRecord is NodeHealth under construction.
type nodeRecord struct {
	NodeHealth
	probing bool
}

// The probes of a node that is down. The first goes out at once, because a single
// late answer is no failure; then ever slower, to cost nothing while it is away.
const (
	probeTimeout  = 500 * time.Millisecond
	probeFirst    = 50 * time.Millisecond
	probeSlowest  = time.Second
	reasonGossip  = "gossip does not list it"
	reasonLeaving = "shutting down"
	reasonProbe   = "no answer to a probe"
	reasonTimeout = "silent"
	reasonCap     = "silent beyond the cap"
)

// HealthOptions are what a Health needs.
type HealthOptions struct {
	Self    ring.NodeID
	Members Membership
	Dial    prober
	Clock   clock.Clock
	Logger  *slog.Logger
	OnUp    func(ring.NodeID) // a node that was down answers again; must return soon
}

// NewHealth prepares a view that knows nobody. Start begins to watch.
func NewHealth(o HealthOptions) *Health {
	h := &Health{
		self: o.Self, members: o.Members, dial: o.Dial, clock: o.Clock, log: o.Logger, onUp: o.OnUp,
		nodes: make(map[ring.NodeID]*nodeRecord),
	}
	h.life, h.end = context.WithCancel(context.Background())
	h.publishLocked()
	return h
}

// Start takes in what gossip says, and follows it. Close ends it.
func (h *Health) Start() {
	h.members.Subscribe(h.refresh)
	h.refresh()
}

// Close ends every probe and waits for them.
func (h *Health) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.end()
	h.probes.Wait()
}

// Node tells what is known of id. A node never heard of is down.
func (h *Health) Node(id ring.NodeID) NodeHealth {
	return (*h.view.Load())[id]
}

// Up reports whether id is believed to answer.
func (h *Health) Up(id ring.NodeID) bool {
	return id == h.self || h.Node(id).Up
}

// Late reports whether id is down only because it did not answer in time, while gossip
// goes on to vouch for it. Such a node is avoided, but it may be alive and busy: a
// request that no others can serve is better asked of it than refused.
func (h *Health) Late(id ring.NodeID) bool {
	n := h.Node(id)
	slow := n.Reason == reasonTimeout || n.Reason == reasonCap || n.Reason == reasonProbe
	return !n.Up && n.Gossip && slow
}

// Target is where to call id.
func (h *Health) Target(id ring.NodeID) rpc.Target {
	return rpc.Target{ID: id, Addr: h.Node(id).Peer.RPC}
}

// Learn takes the addresses of the members of d, for nodes that gossip has not
// spoken of yet. They are believed to be up, and probed: nothing is known against
// them, and a node that starts would lose its first requests if it waited for gossip.
func (h *Health) Learn(d *ring.Document) {
	h.mu.Lock()
	for _, m := range d.Members {
		if m.ID == h.self || h.nodes[m.ID] != nil {
			continue
		}
		record := &nodeRecord{NodeHealth: NodeHealth{
			Peer: ring.Peer{ID: m.ID, Name: m.Name, Zone: m.Zone, HTTP: m.HTTP, RPC: m.RPC, Gossip: m.Gossip},
			Up:   true,
		}}
		h.nodes[m.ID] = record
		h.probeLocked(record, probeTimeout)
	}
	h.publishLocked()
	h.mu.Unlock()
}

// Failed says that a call to id was refused, broke or stayed silent. The node is
// down from now on, until a probe is answered.
func (h *Health) Failed(id ring.NodeID, reason string) {
	if id == h.self || !h.Up(id) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	record := h.nodes[id]
	if record == nil || !record.Up {
		return
	}
	h.downLocked(record, reason)
	h.publishLocked()
}

// Suspect says that id has not answered something that may rightly take long, as a
// coordinator that waits for others does. A probe decides, and soon.
func (h *Health) Suspect(id ring.NodeID) {
	if id == h.self || !h.Up(id) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if record := h.nodes[id]; record != nil && record.Up {
		h.probeLocked(record, silenceCap)
	}
}

// refresh takes in what gossip says now.
func (h *Health) refresh() {
	peers := h.members.Peers()
	h.mu.Lock()
	defer h.mu.Unlock()
	listed := make(map[ring.NodeID]bool, len(peers))
	for _, p := range peers {
		if p.ID == h.self {
			continue
		}
		listed[p.ID] = true
		h.sawLocked(p)
	}
	for _, id := range sortedIDs(h.nodes) {
		record := h.nodes[id]
		if listed[id] || !record.Gossip {
			continue // still there, or gone before: only the change is news
		}
		record.Gossip = false
		if record.Up {
			h.downLocked(record, reasonGossip)
		}
	}
	h.publishLocked()
}

// sawLocked takes one line of gossip. A process that gossip names for the first
// time is believed: the first call finds out.
func (h *Health) sawLocked(p ring.Peer) {
	record := h.nodes[p.ID]
	if record == nil {
		record = &nodeRecord{NodeHealth: NodeHealth{Up: true}}
		h.nodes[p.ID] = record
	}
	restarted := record.Peer.Nonce != p.Nonce || !record.Gossip
	if p.Nonce < record.Peer.Nonce && record.Gossip && record.Peer.RPC != p.RPC {
		return // two processes with one id: hold on to one of them
	}
	record.Peer, record.Gossip = p, true
	switch {
	case p.Leaving && record.Up:
		h.downLocked(record, reasonLeaving)
	case !p.Leaving && !record.Up && restarted:
		h.probeLocked(record, probeTimeout)
	}
}

func (h *Health) downLocked(record *nodeRecord, reason string) {
	record.Up, record.Reason, record.Since = false, reason, h.clock.Now()
	h.log.Warn("node is away", slog.String("peer", record.Peer.Name), slog.String("peer_id", record.Peer.ID.String()), slog.String("reason", reason))
	h.probeLocked(record, probeTimeout)
}

// probeLocked starts the one goroutine that probes a node; first is the patience of
// its first probe.
func (h *Health) probeLocked(record *nodeRecord, first time.Duration) {
	if record.probing || h.closed {
		return
	}
	record.probing = true
	id := record.Peer.ID
	h.probes.Go(func() { h.probe(id, first) })
}

// probe asks a node until it answers and gossip vouches for it, or Health closes.
// One that answers while gossip does not list it is asked on and on: its next death
// would be no news to gossip.
func (h *Health) probe(id ring.NodeID, patience time.Duration) {
	wait := probeFirst
	for !h.enter(id, h.answers(id, patience)) {
		if clock.Sleep(h.life, h.clock, wait) != nil {
			return
		}
		wait, patience = min(2*wait, probeSlowest), probeTimeout
	}
}

// enter takes in what a probe found; done ends the probing.
func (h *Health) enter(id ring.NodeID, answered bool) (done bool) {
	h.mu.Lock()
	record := h.nodes[id]
	usable := answered && !record.Peer.Leaving
	news := usable != record.Up
	switch {
	case news && usable:
		record.Up, record.Reason, record.Since = true, "", time.Time{}
	case news:
		h.downLocked(record, reasonProbe)
	}
	done = usable && record.Gossip
	record.probing = !done
	peer := record.Peer
	h.publishLocked()
	h.mu.Unlock()
	if news && usable {
		h.log.Info("node answers", slog.String("peer", peer.Name), slog.String("peer_id", id.String()))
		h.onUp(id)
	}
	return done
}

// answers sends one probe to where gossip last saw the node.
func (h *Health) answers(id ring.NodeID, patience time.Duration) bool {
	h.mu.Lock() // what began this probe may not be published yet
	target := rpc.Target{ID: id, Addr: h.nodes[id].Peer.RPC}
	h.mu.Unlock()
	if target.Addr == "" {
		return false
	}
	ctx, cancel := clock.WithTimeout(h.life, h.clock, patience)
	defer cancel()
	ping := rpc.Call{Method: methodPing, Class: rpc.Small}
	_, err := h.dial.Call(ctx, target, ping)
	if errors.Is(err, rpc.ErrBroken) {
		_, err = h.dial.Call(ctx, target, ping) // an old connection's end says nothing of the node
	}
	var remote *rpc.RemoteError
	return err == nil || errors.As(err, &remote)
}

// publishLocked replaces the view that readers see.
func (h *Health) publishLocked() {
	view := make(map[ring.NodeID]NodeHealth, len(h.nodes))
	for id, record := range h.nodes {
		view[id] = record.NodeHealth
	}
	h.view.Store(&view)
}

func sortedIDs[V any](m map[ring.NodeID]V) []ring.NodeID {
	ids := make([]ring.NodeID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
