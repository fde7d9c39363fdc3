package replication

import (
	"context"

	"github.com/hengedb/henge/replication/exchange"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
)

// exchanging is the node as an exchange sees it: its messages have a method of their own.
type exchanging struct{ *Coordinator }

var _ exchange.Cluster = exchanging{}

// Exchange is what makes this node's copies and the other replicas' equal.
func (c *Coordinator) Exchange() *exchange.Exchange { return c.exchange }

// Ask carries an exchange's message. The receiver holds this node's document, or a
// newer one, before it answers (R3).
func (e exchanging) Ask(ctx context.Context, to ring.NodeID, p ring.Partition, body []byte) ([]byte, error) {
	return e.callAbout(ctx, to, p, rpc.Call{Method: methodExchange, Class: rpc.Bulk, Body: body})
}

func (c *Coordinator) serveExchange(ctx context.Context, req *rpc.Request) ([]byte, error) {
	if err := c.pullNewer(ctx, req); err != nil {
		return nil, refused{err}
	}
	if err := c.Settled(ctx); err != nil { // a tree is of a partition that the store knows to be held
		return nil, refused{err}
	}
	answer, err := c.exchange.Handle(ctx, req.Document, req.Body)
	if err != nil {
		return nil, refused{refusal(err)}
	}
	return answer, nil
}

// dirtyStatus tells which segments others are known to have missed writes in.
func (c *Coordinator) dirtyStatus() request.DirtyStatus {
	s := c.exchange.Stats()
	status := request.DirtyStatus{Segments: s.Dirty}
	if !s.DirtyOldest.IsZero() {
		status.Oldest = max(0, c.clock.Now().Sub(s.DirtyOldest))
	}
	return status
}
