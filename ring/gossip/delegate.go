package gossip

import (
	"bytes"
	"context"
	"log/slog"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls, often under its own locks: it only hands out
// the metadata, notes what it is told and raises flags.
type delegate struct{ g *Gossip }

var (
	_ memberlist.Delegate      = delegate{}
	_ memberlist.EventDelegate = delegate{}
)

// NodeMeta is what this process tells about itself.
func (d delegate) NodeMeta(limit int) []byte {
	b, err := encodeMeta(*d.g.self.Load())
	if err != nil || len(b) > limit {
		return nil // checked before it was stored
	}
	return b
}

// NotifyMsg takes in nothing: no messages of ours travel this way.
func (delegate) NotifyMsg([]byte) {}

// GetBroadcasts sends nothing of ours.
func (delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState sends nothing of ours.
func (delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState takes in nothing of ours.
func (delegate) MergeRemoteState([]byte, bool) {}

// NotifyJoin notes a live process.
func (d delegate) NotifyJoin(n *memberlist.Node) { d.g.note(n) }

// NotifyUpdate notes what a live process tells about itself now.
func (d delegate) NotifyUpdate(n *memberlist.Node) { d.g.note(n) }

// NotifyLeave forgets a process that left or died.
func (d delegate) NotifyLeave(n *memberlist.Node) {
	d.g.mu.Lock()
	delete(d.g.members, n.Name)
	d.g.mu.Unlock()
	raise(d.g.changed)
}

// note takes in what memberlist says of a live process.
func (g *Gossip) note(n *memberlist.Node) {
	m := member{addr: n.Address()}
	var err error
	if m.peer, err = decodeMeta(n.Meta); err != nil {
		g.malformed.Add(1)
		g.log.Debug("peer's metadata is malformed", slog.String("member", n.Name), slog.String("error", err.Error()))
	}
	m.peer.Gossip = m.addr
	g.mu.Lock()
	g.members[n.Name] = m
	if len(g.once) >= maxOnce {
		for addr := range g.once { // any will do
			delete(g.once, addr)
			break
		}
	}
	g.once[m.addr] = true
	g.mu.Unlock()
	raise(g.changed)
}

// logLines turns memberlist's log into slog's. What it calls an error is mostly a
// peer that is away, which it repeats every second: only debug shows it.
type logLines struct{ log *slog.Logger }

// Write takes one line.
func (l *logLines) Write(b []byte) (int, error) {
	line := string(bytes.TrimSpace(b))
	l.log.Log(context.Background(), slog.LevelDebug, "gossip", slog.String("line", line))
	return len(b), nil
}
