package replication

import (
	"context"

	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/replication/transfer"
	"github.com/hengedb/henge/ring"
)

var _ transfer.Cluster = (*Coordinator)(nil)

// Transfer is what moves partitions in a layout change.
func (c *Coordinator) Transfer() *transfer.Transfer { return c.transfer }

// Ask carries a transfer's message. The receiver holds this node's document, or a
// newer one, before it answers (R3).
func (c *Coordinator) Ask(ctx context.Context, to ring.NodeID, p ring.Partition, body []byte) ([]byte, error) {
	return c.callAbout(ctx, to, p, rpc.Call{Method: methodTransfer, Class: rpc.Bulk, Body: body})
}

func (c *Coordinator) serveTransfer(ctx context.Context, req *rpc.Request) ([]byte, error) {
	if err := c.pullNewer(ctx, req); err != nil {
		return nil, refused{err}
	}
	if err := c.Settled(ctx); err != nil { // what began under an older one has been applied
		return nil, refused{err}
	}
	answer, err := c.transfer.Handle(ctx, req.Document, req.Body)
	if err != nil {
		return nil, refused{err}
	}
	return answer, nil
}

// Propose has the voters decide an edit of the change in flight.
func (c *Coordinator) Propose(ctx context.Context, edit func(*ring.Document) (*ring.Document, error)) error {
	_, err := c.agent.Propose(ctx, edit)
	return err
}
