package replication

import (
	"context"

	"github.com/hengedb/henge/replication/reap"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// reaping is the node as package reap sees it: its messages have a method of their own.
type reaping struct{ *Coordinator }

var _ reap.Cluster = reaping{}

// Reap is what removes what is deleted.
func (c *Coordinator) Reap() *reap.Reap { return c.reap }

// Ask carries a step of rounds. The receiver holds this node's document, or a newer one,
// before it answers (R3).
func (r reaping) Ask(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error) {
	return r.rpc.Call(ctx, r.health.Target(to), rpc.Call{Method: methodReap, Class: rpc.Bulk, Body: body})
}

// Meet goes by where another member stands in a partition, by a document of which this
// node is a member too.
func (r reaping) Meet(ctx context.Context, p ring.Partition, theirs storage.Epochs) error {
	if mine := r.store.Epochs(p); !mine.Awaited && !mine.Raised.Less(theirs.Raised) {
		return nil
	}
	return r.goBy(ctx, p, theirs)
}

// Undecided reports whether this node, as a voter, has accepted a later document.
func (r reaping) Undecided(ctx context.Context) (bool, error) { return r.agent.Undecided(ctx) }

func (c *Coordinator) serveReap(ctx context.Context, req *rpc.Request) ([]byte, error) {
	if err := c.pullNewer(ctx, req); err != nil {
		return nil, refused{err}
	}
	answer, err := c.reap.Handle(ctx, req.Body)
	if err != nil {
		return nil, refused{refusal(err)}
	}
	return answer, nil
}
