package replication

import (
	"context"
	"fmt"

	"github.com/hengedb/henge/replication/heal"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// healing is the node as a healer sees it: its messages have a method of their own.
type healing struct{ *Coordinator }

var _ heal.Cluster = healing{}

// Heal is what rebuilds damaged tables from the other replicas.
func (c *Coordinator) Heal() *heal.Heal { return c.heal }

// Ask carries a healer's message. The receiver holds this node's document, or a newer
// one, before it answers (R3).
func (h healing) Ask(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error) {
	return h.rpc.Call(ctx, h.health.Target(to), rpc.Call{Method: methodHeal, Class: rpc.Bulk, Body: body})
}

func (c *Coordinator) serveHeal(ctx context.Context, req *rpc.Request) ([]byte, error) {
	if err := c.pullNewer(ctx, req); err != nil {
		return nil, refused{err}
	}
	if err := c.Settled(ctx); err != nil { // what began under an older one has been applied
		return nil, refused{err}
	}
	answer, err := c.heal.Handle(ctx, req.Document, req.Body)
	if err != nil {
		return nil, refused{refusal(err)}
	}
	return answer, nil
}

// diskAlarms says in a sentence each what ails this node's disk.
func (c *Coordinator) diskAlarms() (alarms []string) {
	if err := c.store.Failed(); err != nil {
		return []string{fmt.Sprintf("%v: this node answers nothing from its disk any more; "+
			"set the disk right and start the node again: what it missed comes from the other replicas", err)}
	}
	if trees := c.store.TreeStats(); c.store.Unclean() && trees.Known < trees.Held {
		alarms = append(alarms, fmt.Sprintf("the last stop was not a clean one: what was not on the disk by then comes from the other replicas, "+
			"once what is there has been read: %d of %d partitions", trees.Known, trees.Held))
	}
	switch st := c.store.Space(); st.Level {
	case storage.SpaceLow:
		alarms = append(alarms, fmt.Sprintf("the disk is short of room: %d MiB of %d are free, under the mark at %d: other replicas take the puts of clients; "+
			"it takes them again by itself once there is room", st.Free/mib, st.Total/mib, st.Low/mib))
	case storage.SpaceFull:
		alarms = append(alarms, fmt.Sprintf("the disk is full: %d MiB of %d are free, under the last mark at %d: only what frees room is written; "+
			"it goes on by itself once there is room", st.Free/mib, st.Total/mib, st.Full/mib))
	}
	return append(alarms, c.heal.Alarms()...)
}
