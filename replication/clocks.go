package replication

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/replication/skew"
	"github.com/hengedb/henge/ring"
)

var _ skew.Cluster = (*Coordinator)(nil)

// Time is what this node mints and hides by, in Unix milliseconds: its hybrid clock, or
// the wall where that stands still because nobody asks for it.
func (c *Coordinator) Time() int64 {
	return max(c.clock.Now().UnixMilli(), c.store.Now().Time().UnixMilli())
}

// TimeOf asks a node for its Time. One that does not answer is no news of its health.
func (c *Coordinator) TimeOf(ctx context.Context, id ring.NodeID) (int64, error) {
	answer, err := c.rpc.Call(ctx, c.health.Target(id), rpc.Call{Method: methodPing, Class: rpc.Small})
	if err != nil {
		return 0, err
	}
	if len(answer) != 8 {
		return 0, errMessage
	}
	return int64(binary.BigEndian.Uint64(answer)), nil //nolint:gosec // the inverse of servePing
}

// servePing says that the node is there, and what time it is here.
func (c *Coordinator) servePing(context.Context, *rpc.Request) ([]byte, error) {
	return binary.BigEndian.AppendUint64(nil, uint64(c.Time())), nil //nolint:gosec // the inverse casts back
}

// ClockAhead is how far this node's clock is ahead of its peers'; below 0 it is behind.
func (c *Coordinator) ClockAhead() time.Duration { return c.skew.Ahead() }

// now is the time by which deadlines and expiries are told to other nodes: the wall, or,
// where this node's clock is off, what the others' say.
func (c *Coordinator) now() time.Time {
	if c.skew.Err() == nil {
		return c.clock.Now()
	}
	return time.UnixMilli(c.Time()).Add(-c.skew.Ahead())
}

// inTime refuses to mint by a clock that is off: another node can.
func (c *Coordinator) inTime() error {
	if err := c.skew.Err(); err != nil {
		return fmt.Errorf("%w: %w", request.ErrNotReady, err)
	}
	return nil
}
