package henge

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/replication/agree"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// told is what peers answer: a document each; none is silence.
type told map[ring.NodeID]*ring.Document

func (p told) Send(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error) {
	d := p[to]
	if d == nil {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	m, err := agree.DecodeMessage(body)
	if err != nil {
		return nil, err
	}
	_, answer, _ := agree.State{Self: to, Held: d}.Answer(0, m)
	return answer.Encode()
}

// bare runs f with a node that has a store and an agent, and no network.
func bare(t *testing.T, peers told, f func(t *testing.T, n *Node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &Node{log: slog.New(slog.DiscardHandler), rand: seeded(1), ready: make(chan struct{}), done: make(chan struct{})}
		n.o.EnsureDefaults()
		n.o.Init, n.o.Expect = true, 1
		n.life, n.end = context.WithCancel(t.Context())
		var err error
		if n.store, err = storage.Open("store", storage.Options{FS: vfs.NewMem()}); err != nil {
			t.Fatal(err)
		}
		n.agent, err = agree.New(agree.Options{
			Self: n.store.NodeID(), Log: documentLog{n.store}, Peers: peers, Rand: n.rand, Adopted: func(*ring.Document) {},
		})
		if err != nil {
			t.Fatal(err)
		}
		f(t, n)
		n.end()
		if err := errors.Join(n.agent.Close(), n.store.Close()); err != nil {
			t.Error(err)
		}
	})
}

func documentOf(t *testing.T, version, timeout uint64) *ring.Document {
	t.Helper()
	d, err := ring.First(ring.FirstOptions{
		Cluster: strings.Repeat("a", 32), Secret: make([]byte, 32), Partitions: 8, Replicas: 3,
		Members: []ring.Member{{ID: 1, Weight: 1, RPC: "n1:1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	d = d.Clone()
	d.Version, d.Settings.TimeoutMillis = version, int64(timeout)
	if d, err = d.Seal(); err != nil {
		t.Fatal(err)
	}
	return d
}

func peerOf(id ring.NodeID, d *ring.Document) ring.Peer {
	return ring.Peer{ID: id, Cluster: d.Cluster, Doc: d.Name()}
}

func TestASilentPeerKeepsNoDocumentFromANode(t *testing.T) {
	second := documentOf(t, 2, 0)
	bare(t, told{3: second}, func(t *testing.T, n *Node) {
		n.pull([]ring.Peer{peerOf(2, second), peerOf(3, second)})
		if d := n.agent.Document(); d == nil || d.Version != 2 {
			t.Errorf("the node holds %v", d)
		}
	})
}

// Equal version, different hash: changes stop, and somebody is told.
func TestADocumentThatCannotBeTrueRaisesTheAlarm(t *testing.T) {
	ours, theirs := documentOf(t, 2, 0), documentOf(t, 2, 700)
	bare(t, told{3: theirs}, func(t *testing.T, n *Node) {
		if err := n.agent.Adopt(t.Context(), ours.Raw()); err != nil {
			t.Fatal(err)
		}
		n.pull([]ring.Peer{peerOf(2, ours)})
		if n.agent.Alarm() != "" {
			t.Fatal("an alarm about the document that is held")
		}
		n.pull([]ring.Peer{peerOf(3, theirs)})
		if n.agent.Alarm() == "" {
			t.Error("no alarm")
		}
		if n.wants(peerOf(3, theirs)) {
			t.Error("it is asked for on and on")
		}
	})
}

func TestABrokenPeerDoesNotKeepAClusterFromBeginning(t *testing.T) {
	bare(t, nil, func(t *testing.T, n *Node) {
		n.begin([]ring.Peer{
			{ID: n.store.NodeID(), Name: "n1", RPC: "n1:1"},
			{ID: 2, Name: strings.Repeat("long", 1000)},
			{ID: 3, Name: "\xff"},
			{ID: 0, Name: "nobody"},
			{ID: n.store.NodeID(), Name: "twin"},
		})
		d := n.agent.Document()
		if n.Err() != nil || d == nil || len(d.Members) != 1 || d.Members[0].Name != "n1" {
			t.Errorf("it began with %+v, and failed with %v", d, n.Err())
		}
	})
}
