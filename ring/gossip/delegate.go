package gossip

import (
	"bytes"
	"context"
	"log/slog"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls, often under its own locks: it only hands out
// the metadata and raises flags.
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

// NotifyJoin raises the flag.
func (d delegate) NotifyJoin(*memberlist.Node) { raise(d.g.changed) }

// NotifyLeave raises the flag.
func (d delegate) NotifyLeave(*memberlist.Node) { raise(d.g.changed) }

// NotifyUpdate raises the flag.
func (d delegate) NotifyUpdate(*memberlist.Node) { raise(d.g.changed) }

// logLines turns memberlist's log into slog's. What it calls an error is mostly a
// peer that is away, which it repeats every second: only debug shows it.
type logLines struct{ log *slog.Logger }

// Write takes one line.
func (l *logLines) Write(b []byte) (int, error) {
	line := string(bytes.TrimSpace(b))
	l.log.Log(context.Background(), slog.LevelDebug, "gossip", slog.String("line", line))
	return len(b), nil
}
