package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// serve registers what this node answers to others.
func (c *Coordinator) serve() {
	c.rpc.Handle(methodPing, rpc.Inline, c.servePing)
	c.rpc.Handle(methodJoin, rpc.Spawn, c.about(c.serveJoin))
	c.rpc.Handle(methodRead, rpc.Spawn, c.about(c.serveRead))
	c.rpc.Handle(methodForward, rpc.Spawn, c.serveForward)
	c.rpc.Handle(methodScan, rpc.Spawn, c.about(c.serveScan))
	c.rpc.Handle(methodInspect, rpc.Spawn, c.serveInspect)
	c.rpc.Handle(methodTransfer, rpc.Spawn, c.about(c.serveTransfer))
	c.rpc.Handle(methodExchange, rpc.Spawn, c.about(c.serveExchange))
	c.rpc.Handle(methodReap, rpc.Spawn, c.serveReap)
	c.rpc.Handle(methodEpochs, rpc.Spawn, c.about(c.serveEpochs))
	c.rpc.Handle(methodHeal, rpc.Spawn, c.serveHeal)
}

// refused is a "no" on its way to another node: the code names a sentinel there.
type refused struct{ err error }

func (r refused) Error() string { return r.err.Error() }
func (r refused) Unwrap() error { return r.err }

// RPCCode numbers what the asker may act on.
func (r refused) RPCCode() uint16 {
	switch {
	case errors.Is(r.err, errStale):
		return codeStale
	case errors.Is(r.err, storage.ErrEpoch):
		return codeEpoch
	case errors.Is(r.err, storage.ErrFenced):
		return codeFenced
	}
	return codeRefused
}

// The codes of refusals between nodes.
const (
	codeRefused uint16 = 1
	codeStale   uint16 = 2
	codeEpoch   uint16 = 3
	codeFenced  uint16 = 4
)

// serveJoin joins an object that another node sent into this node's copy, or into
// a hint when targets say so, and answers after the sync (R2).
func (c *Coordinator) serveJoin(ctx context.Context, req *rpc.Request) ([]byte, error) {
	m, err := decodeJoin(req.Body)
	if err != nil {
		return nil, refused{err}
	}
	if err := c.catchUp(ctx, req, m.key.bucket, m.object); err != nil {
		return nil, refused{err}
	}
	kind := storage.KindJoin
	switch {
	case m.repair:
		kind = storage.KindRepair
	case len(m.targets) > 0:
		kind = storage.KindHint
	}
	join := func(tx *storage.Tx) error { return c.joinTx(tx, m, req.Document) }
	commit, err := c.store.Write(ctx, m.key.stored(), kind, join)
	if errors.Is(err, errStale) { // by a store that may not go by the document held yet
		if err := c.Settled(ctx); err != nil {
			return nil, refused{err}
		}
		commit, err = c.store.Write(ctx, m.key.stored(), kind, join)
	}
	if err != nil {
		return nil, refused{refusal(err)}
	}
	if m.unsynced {
		return []byte{0}, nil
	}
	if err := commit.Wait(ctx); err != nil {
		return nil, refused{refusal(err)}
	}
	return []byte{answerSynced}, nil
}

// joinTx is the join under the key's lock, together with R3's check. A primary
// that is asked to keep a hint joins the object into its own copy and keeps a
// marker: it holds the key itself.
func (c *Coordinator) joinTx(tx *storage.Tx, m *joinRequest, senderDocument uint64) error {
	partition := tx.Partition()
	if partition.Entry.Changed > senderDocument {
		return errStale
	}
	if m.object != nil {
		if err := c.listed(m.key.bucket, m.object.Generation); err != nil {
			return err
		}
	}
	primary := partition.Entry.Takes(c.self)
	switch {
	case primary:
		tx.SetObject(causal.Join(tx.Object(), m.object))
		if len(m.targets) > 0 {
			tx.SetHint(owe(tx.Hint(), m.targets, m.w, c.store.Now(), c.rand()))
		}
	case len(m.targets) > 0:
		if c.goes() {
			return fmt.Errorf("%w: this node goes, or has left, and would have to hand a hint over at once", request.ErrNotReady)
		}
		tx.SetHint(keep(tx.Hint(), m.object, m.targets, m.w, c.store.Now(), c.rand()))
	default:
		return fmt.Errorf("%w: this node is no replica of the key", errStale)
	}
	return nil
}

// goes reports whether this node is no member that stays: it keeps no hint for anybody,
// for it may have said already that it holds none.
func (c *Coordinator) goes() bool {
	me, member := c.agent.Document().Member(c.self)
	return !member || me.Going != ""
}

// joinOwn joins an object into this node's own copy, as long as it is a replica.
func (c *Coordinator) joinOwn(ctx context.Context, key keyName, object *causal.Object, kind storage.WriteKind) (*storage.Commit, error) {
	return c.store.Write(ctx, key.stored(), kind, func(tx *storage.Tx) error {
		if !slices.Contains(tx.Partition().Entry.Serving, c.self) {
			return errStale
		}
		if err := c.listed(key.bucket, object.Generation); err != nil {
			return err
		}
		tx.SetObject(causal.Join(tx.Object(), object))
		return nil
	})
}

// oweLater enters primaries that turned out to be away after the write was
// committed: on a replica in a marker, on a fallback in the hint that it keeps
// anyhow. It is not synced on its own: what it stands for is.
func (c *Coordinator) oweLater(w *write, object *causal.Object, away []ring.NodeID) {
	_, err := c.store.Write(c.life, w.key.stored(), storage.KindHint, func(tx *storage.Tx) error {
		if err := c.listed(w.key.bucket, object.Generation); err != nil {
			return err
		}
		if w.place.holds {
			tx.SetHint(owe(tx.Hint(), away, w.knobs.need, c.store.Now(), c.rand()))
		} else {
			tx.SetHint(keep(tx.Hint(), object, away, w.knobs.need, c.store.Now(), c.rand()))
		}
		return nil
	})
	if err != nil {
		c.counters.HintsRefused.Add(1)
		c.log.Warn("hint refused", attrKey(w.key), attrErr(err))
		for _, id := range away {
			c.exchange.Dirty(w.key.stored(), id)
		}
	}
}

// catchUp sees to it that this node's document is not older than the sender's, and
// that it lists the object's generation of the bucket (R3).
func (c *Coordinator) catchUp(ctx context.Context, req *rpc.Request, bucket string, object *causal.Object) error {
	if err := c.pullNewer(ctx, req); err != nil {
		return err
	}
	if object == nil {
		return nil
	}
	return c.listed(bucket, object.Generation)
}

// listed refuses what is of no bucket that the document held lists. Who sent what is of a
// dropped one goes by an older document, and is told so. It is asked under the key's lock
// by whoever puts an object into the store: from the moment at which the store has gone
// through its locks with a document, nothing comes in that it has dropped.
func (c *Coordinator) listed(bucket string, generation uint64) error {
	doc := c.agent.Document()
	listed, ok := doc.Bucket(bucket)
	switch {
	case ok && listed.Generation == generation:
		return nil
	case doc.Discarded(bucket, generation):
		return fmt.Errorf("%w: %w: %q of generation %d was dropped", errStale, request.ErrNoBucket, bucket, generation)
	}
	return fmt.Errorf("%w: %q of generation %d", request.ErrNoBucket, bucket, generation)
}

// pullNewer fetches the sender's document when it is the newer one.
func (c *Coordinator) pullNewer(ctx context.Context, req *rpc.Request) error {
	doc := c.agent.Document()
	if doc != nil && doc.Version >= req.Document {
		return nil
	}
	if err := c.agent.Pull(ctx, req.From.ID); err != nil {
		return fmt.Errorf("%w: pull document %d: %w", request.ErrNotReady, req.Document, err)
	}
	if doc = c.agent.Document(); doc == nil || doc.Version < req.Document {
		return fmt.Errorf("%w: document %d is not to be had", request.ErrNotReady, req.Document)
	}
	return nil
}

// serveRead answers with what this node holds of a key, or "same". R3's check
// comes after the read: an answer of a node that lost the partition meanwhile must
// not count.
func (c *Coordinator) serveRead(ctx context.Context, req *rpc.Request) ([]byte, error) {
	m, err := decodeRead(req.Body)
	if err != nil {
		return nil, refused{err}
	}
	if err := c.pullNewer(ctx, req); err != nil {
		return nil, refused{err}
	}
	doc := c.agent.Document()
	partition := m.key.stored().Position().Partition(doc.Partitions)
	object, fromHint, err := c.held(ctx, m.key, doc.Entry(partition).Takes(c.self))
	if err != nil {
		return nil, refused{refusal(err)}
	}
	if entry := c.agent.Document().Entry(partition); entry.Changed > req.Document {
		return nil, refused{errStale}
	}
	answer := readAnswer{fromHint: fromHint, object: object}
	if bucket, ok := doc.Bucket(m.key.bucket); object != nil && (!ok || object.Generation < bucket.Generation) {
		answer.object = nil
	}
	answer.same = answer.object.Digest(doc.Secret, m.key.bucket, m.key.key) == m.digest
	if m.noValue {
		answer.object = answer.object.Strip()
	}
	return answer.encode(), nil
}
