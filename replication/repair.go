package replication

import (
	"context"
	"errors"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// repair brings every node whose answer was less than the join up to it, behind
// the answer (Dynamo, section 5). Repairs go through the join, like every write: a
// node that learned more meanwhile keeps it.
func (c *Coordinator) repair(q *query, f *found, own causal.Digest) {
	if f.object == nil {
		return
	}
	whole := f.object.Digest(q.place.doc.Secret, q.key.bucket, q.key.key)
	for _, a := range f.round.asks {
		if a.state != askOK || a.role != request.Primary {
			continue
		}
		has := own
		if !a.answer.same {
			has = a.answer.object.Digest(q.place.doc.Secret, q.key.bucket, q.key.key)
		}
		if has != whole {
			node := a.node
			c.behind(func() { c.repairNode(q.key, node, f.object) })
		}
	}
}

// repairNode joins an object into one replica's copy.
func (c *Coordinator) repairNode(key keyName, node ring.NodeID, object *causal.Object) {
	ctx, cancel := clock.WithTimeout(c.life, c.clock, request.DefaultTimeout)
	defer cancel()
	var err error
	if node == c.self {
		_, err = c.joinOwn(ctx, key, object, storage.KindRepair)
	} else {
		err = c.Deliver(ctx, node, key.bucket, key.key, object)
	}
	if err != nil {
		c.counters.RepairsFailed.Add(1)
		return
	}
	c.counters.Repairs.Add(1)
}

// Deliver joins an object into the copy of a primary and returns once that node
// holds it on disk. Read repair and hinted handoff send through it.
func (c *Coordinator) Deliver(ctx context.Context, to ring.NodeID, bucket, key string, object *causal.Object) error {
	body := (&joinRequest{repair: true, key: keyName{bucket, key}, object: object}).encode()
	p := keyName{bucket, key}.stored().Position().Partition(c.agent.Document().Partitions)
	answer, err := c.callAbout(ctx, to, p, rpc.Call{Method: methodJoin, Class: rpc.Bulk, Body: body, Within: deliverWithin})
	switch {
	case isEpoch(err): // read again after this, it is of now
		return errors.Join(err, c.learnEpochs(ctx, to, p))
	case errors.Is(err, rpc.ErrUnreachable), errors.Is(err, rpc.ErrBroken), errors.Is(err, rpc.ErrRefused):
		c.health.Failed(to, err.Error())
		return err
	case errors.Is(err, context.DeadlineExceeded):
		c.health.Failed(to, reasonTimeout)
		return err
	case err != nil:
		return err
	}
	if len(answer) != 1 || answer[0]&answerSynced == 0 {
		return errMessage
	}
	return nil
}

// deliverWithin is how long a node may work on what nobody waits for.
const deliverWithin = 5 * time.Second

// classOf sends large objects over the bulk connection, so that no small call
// waits behind them.
func classOf(o *causal.Object) rpc.Class {
	if objectSize(o) > bulkBytes {
		return rpc.Bulk
	}
	return rpc.Small
}

// bulkBytes is where an object is bulk: at 1 Gbit/s it holds a line for half a
// millisecond.
const bulkBytes = 64 << 10
