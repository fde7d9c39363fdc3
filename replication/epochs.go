package replication

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// Every message about a partition, and every answer to one, names where its sender stands
// in that partition's rounds of reaping (R5), behind all else:
//
//	┌──────────┬──────────────┐     ┌──────────┬────────────┬───────────────┬──────────────┐
//	│ body ... │ partition 4B │ 0   │ body ... │ raised 16B │ committed 16B │ partition 4B │ 1
//	└──────────┴──────────────┘     └──────────┴────────────┴───────────────┴──────────────┘
//
// The short form is of a node that has never met a round.
const (
	epochsNone  = 0
	epochsNamed = 1
	shortStamp  = 4 + 1
	longStamp   = 16 + 16 + shortStamp
)

// stamp names where this node stands in partition p.
func (c *Coordinator) stamp(body []byte, p ring.Partition) []byte {
	e, form := c.store.Epochs(p), byte(epochsNone)
	if e.Raised != (causal.Epoch{}) {
		body, form = e.Committed.Append(e.Raised.Append(body)), epochsNamed
	}
	return append(binary.BigEndian.AppendUint32(body, uint32(p)), form)
}

// unstamp takes off what stamp appended.
func unstamp(b []byte) (body []byte, p ring.Partition, theirs storage.Epochs, err error) {
	n := len(b)
	if n < shortStamp {
		return nil, 0, theirs, errMessage
	}
	p = ring.Partition(binary.BigEndian.Uint32(b[n-shortStamp:]))
	switch {
	case b[n-1] == epochsNone:
		return b[:n-shortStamp], p, theirs, nil
	case b[n-1] == epochsNamed && n >= longStamp:
		named := b[n-longStamp:]
		theirs.Raised, theirs.Committed = causal.DecodeEpoch([16]byte(named[:16])), causal.DecodeEpoch([16]byte(named[16:32]))
		return b[:n-longStamp], p, theirs, nil
	}
	return nil, 0, theirs, errMessage
}

// about answers messages about a partition: it goes by what their senders know of its
// epochs before it answers, and names its own.
func (c *Coordinator) about(answer func(context.Context, *rpc.Request) ([]byte, error)) func(context.Context, *rpc.Request) ([]byte, error) {
	return func(ctx context.Context, req *rpc.Request) ([]byte, error) {
		body, p, theirs, err := unstamp(req.Body)
		if err == nil {
			err = c.meet(ctx, p, theirs)
		}
		if err != nil {
			return nil, refused{err}
		}
		req.Body = body
		got, err := answer(ctx, req)
		if err != nil {
			return nil, err
		}
		return c.stamp(got, p), nil
	}
}

// answered takes the epochs off an answer and goes by them.
func (c *Coordinator) answered(ctx context.Context, raw []byte) ([]byte, error) {
	body, p, theirs, err := unstamp(raw)
	if err != nil {
		return nil, err
	}
	return body, c.meet(ctx, p, theirs)
}

// callAbout calls another node about a partition.
func (c *Coordinator) callAbout(ctx context.Context, to ring.NodeID, p ring.Partition, call rpc.Call) ([]byte, error) {
	call.Body = c.stamp(call.Body, p)
	raw, err := c.rpc.Call(ctx, c.health.Target(to), call)
	if err != nil {
		return nil, err
	}
	return c.answered(ctx, raw)
}

// meet goes by where another member stands in a partition (R5). Who has raised less than
// another has committed has lost memory: it answered for that round, and does not know it
// any more, and is fenced: then, and only when it was not before, meet fails with
// storage.ErrFenced. Who has only raised less takes the other's.
func (c *Coordinator) meet(ctx context.Context, p ring.Partition, theirs storage.Epochs) error {
	if mine := c.store.Epochs(p); mine.Awaited || !mine.Raised.Less(theirs.Raised) {
		return nil // a store that has none does not know how old these are: package reap asks
	}
	return c.goBy(ctx, p, theirs)
}

// goBy is meet, and a store that has no epochs takes these.
func (c *Coordinator) goBy(ctx context.Context, p ring.Partition, theirs storage.Epochs) error {
	var fenced bool
	err := c.store.ChangeEpochs(ctx, []ring.Partition{p}, func(_ ring.Partition, mine storage.Epochs) (storage.Epochs, bool) {
		lost := !mine.Awaited && mine.Raised.Less(theirs.Committed)
		switch {
		case lost && mine.Fenced:
			return mine, false
		case lost:
			mine.Fenced, fenced = true, true
		case mine.Awaited:
			mine.Raised, mine.Committed = theirs.Raised, theirs.Committed
		case mine.Raised.Less(theirs.Raised):
			mine.Raised = theirs.Raised
		default:
			return mine, false
		}
		return mine, true
	})
	switch {
	case err != nil:
		return fmt.Errorf("epochs of partition %d: %w", p, err)
	case fenced:
		c.counters.Fenced.Add(1)
		c.log.Error("this node has lost memory of a partition: another one has finished a round of reaping that this one answered for and does not know of; "+
			"the partition is fenced, and is filled from the other replicas", slog.Int("partition", int(p)))
		c.fence.Kick()
		return storage.ErrFenced
	}
	return nil
}

// learnEpochs asks a node where it stands in a partition, and goes by it.
func (c *Coordinator) learnEpochs(ctx context.Context, from ring.NodeID, p ring.Partition) error {
	_, err := c.callAbout(ctx, from, p, rpc.Call{Method: methodEpochs, Class: rpc.Small, Body: binary.BigEndian.AppendUint32(nil, uint32(p))})
	return err
}

// serveEpochs answers with nothing: every answer names the epochs. Those of a fenced
// partition are nothing to go by.
func (c *Coordinator) serveEpochs(_ context.Context, req *rpc.Request) ([]byte, error) {
	if len(req.Body) == 4 && c.fenced(ring.Partition(binary.BigEndian.Uint32(req.Body))) {
		return nil, refused{storage.ErrFenced}
	}
	return nil, nil
}

// renewal is what a put sends again where a replica has refused it for its epoch: what
// this node holds now, once it knows the epoch.
func (c *Coordinator) renewal(ctx context.Context, w *write, from ring.NodeID) (*causal.Object, error) {
	p := w.key.stored().Position().Partition(c.agent.Document().Partitions)
	if err := c.learnEpochs(ctx, from, p); err != nil {
		return nil, err
	}
	object, _, err := c.held(ctx, w.key, w.place.holds)
	if _, known := object.Find(w.op); err == nil && !known { // set aside meanwhile, and filled again from others
		err = storage.ErrFenced
	}
	return object, err
}

// keeps reports whether this node still has what it has minted: a partition that was
// fenced since, and perhaps filled again already, has not. Only then it costs a read.
func (c *Coordinator) keeps(ctx context.Context, w *write, minted storage.Epochs) bool {
	if c.store.Epochs(w.place.partition) == minted {
		return true
	}
	object, _, err := c.held(ctx, w.key, w.place.holds)
	_, known := object.Find(w.op)
	return err == nil && known
}

// isEpoch reports whether a replica refused an object for its epoch.
func isEpoch(err error) bool {
	remote, ok := errors.AsType[*rpc.RemoteError](err)
	return ok && remote.Code == codeEpoch
}

// renewed is the reply that stands for what was read again after a refusal.
type renewed struct{ object *causal.Object }

func (renewed) Error() string { return "read again" }

// renewLater reads again what a node refused for its epoch (R5). Until it was asked with
// that once more, the ask stands as it stood.
func (r *round) renewLater(a *ask, refusal rpc.Reply) {
	if !r.c.enter() {
		r.replies <- refusal
		return
	}
	go func() {
		defer r.c.tasks.Done()
		object, err := r.renew(a.node)
		if err == nil {
			refusal.Err = renewed{object}
		} else {
			refusal.Err = errors.Join(refusal.Err, err)
		}
		r.replies <- refusal
	}()
}
