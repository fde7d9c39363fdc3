package henge

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/hengedb/henge/replication"
	"github.com/hengedb/henge/replication/agree"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/clock"
)

// documentLog is where the agreement keeps what it must not forget.
type documentLog struct{ store *storage.Store }

// metaAcceptor is where the store keeps promises and acceptances.
const metaAcceptor = "acceptor"

// LoadAcceptor returns the acceptor's state; nil when there is none yet.
func (l documentLog) LoadAcceptor() ([]byte, error) { return l.store.Meta(metaAcceptor) }

// SaveAcceptor returns once the acceptor's state is synced.
func (l documentLog) SaveAcceptor(ctx context.Context, b []byte) error {
	return l.store.SaveMeta(ctx, metaAcceptor, b)
}

// LoadDocument returns the document held; nil when there is none yet.
func (l documentLog) LoadDocument() ([]byte, error) { return l.store.Document() }

// SaveDocument binds the store to the document's cluster before it keeps it: a
// store never changes its cluster.
func (l documentLog) SaveDocument(ctx context.Context, raw []byte) error {
	doc, err := ring.Decode(raw)
	if err != nil {
		return err
	}
	if err := l.store.BindCluster(ctx, doc.Cluster); err != nil {
		return err
	}
	return l.store.SaveDocument(ctx, raw)
}

// metaAside is the list of the documents set aside; each is kept under its name behind
// a slash.
const metaAside = "aside"

// LoadAside lists the documents that were set aside when one was forced.
func (l documentLog) LoadAside() ([]string, error) {
	raw, err := l.store.Meta(metaAside)
	if err != nil || raw == nil {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return nil, fmt.Errorf("list of documents set aside: %w", err)
	}
	return names, nil
}

// SaveAside keeps a document that another took the place of. The agreement keeps one at
// a time.
func (l documentLog) SaveAside(ctx context.Context, name string, raw []byte) error {
	names, err := l.LoadAside()
	if err != nil {
		return err
	}
	if err := l.store.SaveMeta(ctx, metaAside+"/"+name, raw); err != nil {
		return err
	}
	if slices.Contains(names, name) {
		return nil
	}
	list, err := json.Marshal(append(names, name))
	if err != nil {
		return err
	}
	return l.store.SaveMeta(ctx, metaAside, list)
}

// adopted takes in a document that the agreement has come to hold.
func (n *Node) adopted(d *ring.Document) {
	if n.keys == nil {
		return // Open does it once everything stands
	}
	n.keys.Adopted(d)
	n.announce()
	if err := n.expelled(d); err != nil {
		n.fail(err)
		return
	}
	if _, member := d.Member(n.store.NodeID()); member {
		n.readyOnce.Do(func() { close(n.ready) })
	}
	n.log.Info("cluster document held", slog.String("document", d.Name().String()))
}

// expelled is why this node must not serve, when the cluster has expelled it.
func (n *Node) expelled(d *ring.Document) error {
	if !d.IsExpelled(n.store.NodeID()) {
		return nil
	}
	return fmt.Errorf("the cluster has expelled this node (id %s): its id is refused for ever; its directory is kept for salvage, give the node an empty one", n.store.NodeID())
}

func (n *Node) isReady() bool {
	select {
	case <-n.ready:
		return true
	default:
		return false
	}
}

func (n *Node) documentVersion() uint64 {
	if n.agent == nil {
		return 0
	}
	if doc := n.agent.Document(); doc != nil {
		return doc.Version
	}
	return 0
}

func (n *Node) maxValue() int64 {
	var settings ring.Settings
	if doc := n.agent.Document(); doc != nil {
		settings = doc.Settings
	}
	if settings.MaxValueBytes > 0 {
		return settings.MaxValueBytes
	}
	return request.MaxValue
}

// followEvery is how often the node looks again at what gossip says, should an
// event have been missed or a pull have failed.
const followEvery = time.Second

// follow keeps the node with the cluster: it begins one if that is its part, pulls
// newer documents as gossip names them, remembers peers, and ends the node when a
// second process claims its id.
func (n *Node) follow() {
	news := make(chan struct{}, 1)
	n.members.Subscribe(func() {
		select {
		case news <- struct{}{}:
		default:
		}
	})
	for n.life.Err() == nil {
		peers := n.members.Peers()
		if n.refuseTwin(peers) || n.refuseStray(peers) {
			return
		}
		n.rememberPeers(peers)
		n.begin(peers)
		n.pull(peers)
		n.takeIn(peers)
		tick := make(chan struct{})
		timer := n.o.Seams.Clock.AfterFunc(followEvery, func() { close(tick) })
		select {
		case <-news:
		case <-tick:
		case <-n.life.Done():
		}
		timer.Stop()
	}
}

// pull fetches the newest document that gossip knows of, from one peer after the
// other until it is held: one that is silent keeps nothing from the rest.
func (n *Node) pull(peers []ring.Peer) {
	for _, p := range n.sources(peers) {
		if !n.wants(p) {
			continue // another one had it
		}
		ctx, cancel := clock.WithTimeout(n.life, n.o.Seams.Clock, pullTimeout)
		err := n.agent.Pull(ctx, p.ID)
		cancel()
		if n.life.Err() != nil {
			return
		}
		if err != nil {
			n.log.Warn("cluster document cannot be pulled", slog.String("from", p.Name), slog.String("error", err.Error()))
		}
	}
}

// takeIn has newcomers become members by themselves, where that is set. One that was
// seen by the last look too is no passer-by.
func (n *Node) takeIn(peers []ring.Peer) {
	stay := slices.DeleteFunc(slices.Clone(peers), func(p ring.Peer) bool { return n.met[p.ID] != p.Nonce })
	n.met = make(map[ring.NodeID]uint64, len(peers))
	for _, p := range peers {
		n.met[p.ID] = p.Nonce
	}
	if err := n.keys.TakeIn(n.life, stay); err != nil && n.life.Err() == nil {
		n.log.Warn("a node cannot be taken in now", slog.String("error", err.Error()))
	}
}

// pullTimeout is how long one peer may take: enough for a large document over a slow
// line.
const pullTimeout = 5 * time.Second

// sources are the peers that are worth asking, the newest document first.
func (n *Node) sources(peers []ring.Peer) []ring.Peer {
	sources := slices.DeleteFunc(slices.Clone(peers), func(p ring.Peer) bool { return !n.wants(p) })
	slices.SortStableFunc(sources, func(a, b ring.Peer) int { return b.Doc.Compare(a.Doc) })
	return sources
}

// wants reports whether a peer's document is newer than the one held, or cannot be
// true beside it: then the pull raises the alarm.
func (n *Node) wants(p ring.Peer) bool {
	held := n.agent.Document()
	switch {
	case p.ID == n.store.NodeID() || p.Doc.IsZero():
		return false
	case held == nil:
		return true
	case p.Cluster != held.Cluster:
		return false
	case p.Doc.Conflicts(held.Name()):
		return n.agent.Alarm() == ""
	}
	return p.Doc.Compare(held.Name()) > 0
}

// begin writes document 1 when this node is the one that begins the cluster and
// enough nodes have found it.
func (n *Node) begin(peers []ring.Peer) {
	begins := n.o.Init || len(n.o.Join) == 0
	if n.agent.Document() != nil || !begins {
		return
	}
	members, elsewhere := founders(peers)
	if elsewhere != "" {
		n.log.Warn("a cluster exists already: this node joins it", slog.String("cluster", elsewhere))
		return
	}
	members = slices.DeleteFunc(members, n.unfit)
	if len(members) < n.o.Expect || len(members) == 0 {
		return
	}
	doc, err := ring.First(ring.FirstOptions{
		Cluster: n.draw(), Secret: []byte(n.draw()), EraRandom: n.rand(),
		Partitions: n.o.Partitions, Replicas: n.o.Replicas, Members: members,
		Settings: ring.Settings{AutoBuckets: true, AutoJoin: n.o.AutoJoin},
	})
	if err != nil {
		n.log.Warn("the cluster cannot be begun with these members", slog.Int("members", len(members)), slog.String("error", err.Error()))
		return
	}
	if err := n.agent.Begin(n.life, doc); err != nil && !errors.Is(err, agree.ErrHeld) { // a document that came first is as good
		n.fail(fmt.Errorf("begin the cluster: %w", err))
	}
}

// unfit refuses what no document can hold as a member. What a broken peer says of
// itself must not keep the others from beginning; what this node says is its fault.
func (n *Node) unfit(m ring.Member) bool {
	_, err := ring.First(ring.FirstOptions{
		Cluster: strings.Repeat("0", 32), Secret: make([]byte, 32), Partitions: n.o.Partitions, Replicas: n.o.Replicas, Members: []ring.Member{m},
	})
	if err == nil {
		return false
	}
	if m.ID == n.store.NodeID() {
		n.fail(fmt.Errorf("begin the cluster: %w", err))
	} else {
		n.log.Warn("a peer cannot be a member", slog.String("peer_id", m.ID.String()), slog.String("rpc", m.RPC), slog.String("error", err.Error()))
	}
	return true
}

// founders are the members of a first document: everybody whom gossip lists and
// who belongs to no cluster. A peer that holds a document ends that.
func founders(peers []ring.Peer) (members []ring.Member, elsewhere string) {
	for _, p := range peers {
		if !p.Doc.IsZero() {
			return nil, p.Cluster
		}
		if p.Leaving || slices.ContainsFunc(members, func(m ring.Member) bool { return m.ID == p.ID }) {
			continue
		}
		members = append(members, replication.MemberOf(p))
	}
	return members, ""
}

// draw makes 16 random bytes, in hexadecimal.
func (n *Node) draw() string {
	var b []byte
	for range 2 {
		b = binary.BigEndian.AppendUint64(b, n.rand())
	}
	return hex.EncodeToString(b)
}
