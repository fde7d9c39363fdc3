package replication

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hengedb/henge/replication/fence"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// fencing is the node as package fence sees it.
type fencing struct{ *Coordinator }

var _ fence.Cluster = fencing{}

// Fence is what fills again what this node has lost memory of.
func (c *Coordinator) Fence() *fence.Fence { return c.fence }

// Stand asks a node where it stands in a partition, without going by it: meet would only
// find again that this one is fenced.
func (f fencing) Stand(ctx context.Context, of ring.NodeID, p ring.Partition) (storage.Epochs, error) {
	body := f.stamp(binary.BigEndian.AppendUint32(nil, uint32(p)), p)
	raw, err := f.rpc.Call(ctx, f.health.Target(of), rpc.Call{Method: methodEpochs, Class: rpc.Small, Body: body})
	if remote, ok := errors.AsType[*rpc.RemoteError](err); ok && remote.Code == codeFenced {
		return storage.Epochs{}, fmt.Errorf("%w: %w", storage.ErrFenced, err)
	}
	if err != nil {
		return storage.Epochs{}, err
	}
	_, _, theirs, err := unstamp(raw)
	return theirs, err
}

// Pull takes a piece of what a primary holds.
func (f fencing) Pull(ctx context.Context, from ring.NodeID, p ring.Partition, after storage.Key,
	differs func(storage.Key, causal.Digest) (bool, error), join func(storage.Key, *causal.Object) error,
) (fence.Piece, error) {
	piece, err := f.transfer.Pull(ctx, from, p, after, differs, join)
	return fence.Piece{Last: piece.Last, More: piece.More}, err
}

// Emptied has a copy in a layout change begin anew.
func (f fencing) Emptied(ctx context.Context, p ring.Partition) error {
	return f.transfer.Forget(ctx, p)
}

// Unfenced has the others bring what they kept for this node meanwhile.
func (f fencing) Unfenced(ring.Partition) {
	f.exchange.Kick()
	f.transfer.Kick()
	f.handoff.Kick()
}

// fencedAlarms tell which partitions this node has lost memory of, and what a person is to
// do where nobody else can fill them.
func (c *Coordinator) fencedAlarms(doc *ring.Document) (alarms []string) {
	var filling, waiting, alone []string
	reason, others := "", map[string]bool{}
	for _, s := range c.fence.States() {
		text := fmt.Sprint(s.Partition)
		switch {
		case s.Alone:
			alone = append(alone, text)
			for _, id := range doc.Primaries(s.Partition) {
				if id != c.self {
					others[nameOf(doc, id)] = true
				}
			}
		case s.Waits != "":
			waiting, reason = append(waiting, text), s.Waits
		default:
			filling = append(filling, text)
		}
	}
	const lost = "this node's disk is older than what the others have agreed on, for "
	if len(filling) > 0 {
		alarms = append(alarms, lost+partitionsOf(filling)+": what it held is set aside and it is filled from the others; until then it counts as down there")
	}
	if len(waiting) > 0 {
		alarms = append(alarms, lost+partitionsOf(waiting)+", and it cannot be filled yet: "+reason)
	}
	if len(alone) > 0 {
		alarms = append(alarms, lost+partitionsOf(alone)+", and no other replica that is whole answers: "+aloneAdvice(others))
	}
	return alarms
}

// partitionsOf names a few partitions and counts the others.
func partitionsOf(names []string) string {
	const most = 8
	noun := "partitions "
	if len(names) == 1 {
		noun = "partition "
	}
	if len(names) > most {
		return fmt.Sprintf("%s%s and %d more", noun, strings.Join(names[:most], ", "), len(names)-most)
	}
	return noun + strings.Join(names, ", ")
}

// aloneAdvice says what to do where nobody can fill a partition.
func aloneAdvice(others map[string]bool) string {
	const open = "if there is none left, henge salvage open has this node serve them without what it has forgotten, and henge salvage restore writes back what was set aside"
	if len(others) == 0 {
		return "there is no other replica; " + open
	}
	names := make([]string, 0, len(others))
	for name := range others {
		names = append(names, name)
	}
	return "start " + strings.Join(slices.Sorted(slices.Values(names)), " or ") + "; " + open
}

// Abstains says why the node of a store must not vote; empty lets it: what its disk has
// forgotten may be a vote.
func Abstains(s *storage.Store) string {
	if n := len(s.Fenced()); n > 0 {
		return fmt.Sprintf("this node's disk is older than what was agreed, in %d partitions", n)
	}
	return ""
}
