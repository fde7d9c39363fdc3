package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hengedb/henge/replication/governor"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// Put stores value under a key and returns once W nodes hold it. The coordinator
// keeps value: the caller must not change it afterwards.
//
// It fails with request.ErrBadKey, ErrBadBucket, ErrNoBucket, ErrBadKnob,
// ErrBadValue, ErrBadContext, ErrTooLarge, ErrPrecondition, ErrContextRequired,
// ErrSiblingLimit, ErrOverload, ErrNotReady, ErrFull or ErrClosed before any
// replica holds it, and with a *request.QuorumError, whose outcome tells what may
// be left behind, afterwards.
func (c *Coordinator) Put(ctx context.Context, bucket, key string, value []byte, o request.WriteOptions) (request.Receipt, error) {
	return c.change(ctx, verbPut, keyName{bucket, key}, value, o)
}

// Delete removes what the context saw, or, without one, what a read at R and the
// coordinator hold. It leaves a tombstone, so that replicas which were away learn
// of it; deleting what nobody holds writes nothing.
func (c *Coordinator) Delete(ctx context.Context, bucket, key string, o request.WriteOptions) (request.Receipt, error) {
	return c.change(ctx, verbDelete, keyName{bucket, key}, nil, o)
}

const (
	verbGet    = "get"
	verbPut    = "put"
	verbDelete = "delete"
)

// change is a put or a delete from the outside.
func (c *Coordinator) change(ctx context.Context, verb string, key keyName, value []byte, o request.WriteOptions) (request.Receipt, error) {
	release, err := c.admit(ctx)
	if err != nil {
		return request.Receipt{}, err
	}
	defer release()
	started := c.clock.Now()
	w, err := c.newWrite(ctx, verb, key, value, o)
	if err != nil {
		return request.Receipt{}, err
	}
	ctx, cancel := c.within(ctx, w.knobs.timeout)
	defer cancel()
	receipt, err := c.route(ctx, w)
	c.observe(governor.Write, started, err)
	c.logSlow(w.verb, key, w.options.Trace, started, receipt.Results, err)
	return receipt, err
}

// coordinate runs the write on this node, and anew where the layout moved under it:
// who has minted it by then knows the operation again.
func (c *Coordinator) coordinate(ctx context.Context, w *write) (receipt request.Receipt, err error) {
	for attempt := 0; ; attempt++ {
		if c.fenced(w.place.partition) {
			err = refusal(storage.ErrFenced) // another one is to coordinate
			break
		}
		if w.place.beside || (w.knobs.strict && !w.place.holds) {
			err = errStale // only who serves mints, or who stands in (R1), and only a copy that serves is strict
			break
		}
		receipt, err = c.attempt(ctx, w, attempt < maxStale)
		if !errors.Is(err, errStale) || attempt == maxStale {
			break
		}
		if err = c.Settled(ctx); err == nil {
			err = c.locateWrite(w)
		}
		if err != nil {
			break
		}
	}
	if w.shipped && request.OutcomeOf(err) == request.None {
		err = &unsure{err}
	}
	return receipt, err
}

// attempt is one run: who holds it, ask them, wait for enough, settle the rest behind
// the answer. It fails with errStale when a newer document than the write's place is
// held by then; again says that another run may follow.
func (c *Coordinator) attempt(ctx context.Context, w *write, again bool) (request.Receipt, error) {
	if w.delete && w.seen == nil && w.base == nil {
		if nothing, receipt, err := c.readBeforeDelete(ctx, w); err != nil || nothing {
			return receipt, err
		}
	}
	others := c.enlist(w)
	if err := c.reachable(w, others); err != nil {
		return request.Receipt{}, err
	}
	epochs := c.store.Epochs(w.place.partition)
	m, err := c.mint(ctx, w)
	if err != nil {
		return request.Receipt{}, err
	}
	w.shipped = true
	r := c.ship(w, m, others)
	err = c.await(ctx, r, w.place.doc, again)
	if errors.Is(err, errStale) {
		r.cancel() // the next run sends it to whom it belongs
		return request.Receipt{}, err
	}
	if err == nil && !c.keeps(ctx, w, epochs) {
		err = refusal(storage.ErrFenced) // what this node has counted for is set aside
	}
	receipt := c.receipt(w, m, r)
	if err != nil {
		err = c.quorumError(w.verb, w.key, r, receipt.Results, request.Unknown, err)
	}
	c.behind(func() { c.settle(w, m, r) })
	return receipt, err
}

// member is a node that takes part in a put.
type member struct {
	node    ring.NodeID
	targets []ring.NodeID // of a fallback: whom it stands for
}

// enlist chooses the first N healthy nodes of the preference list: the primaries
// that answer, and in the place of each other one the next fallback. What no
// fallback stands for is owed by this node itself.
func (c *Coordinator) enlist(w *write) []member {
	p := &w.place
	w.owed, w.stands = nil, nil
	var others []member
	for _, id := range p.up {
		if id != c.self {
			others = append(others, member{node: id})
		}
	}
	if p.holds && len(p.down) == 0 {
		return others
	}
	var standIns []ring.NodeID
	if !w.knobs.strict {
		c.standIns(p)
		if !p.holds {
			standIns = append(standIns, c.self)
		}
		for _, id := range p.fallbacks {
			if id != c.self && len(standIns) < len(p.down) {
				standIns = append(standIns, id)
			}
		}
	}
	covered := cover(p.down, standIns)
	for _, id := range standIns {
		if id != c.self {
			others = append(others, member{id, covered[id]})
		}
	}
	w.stands = covered[c.self]
	if !p.holds && len(w.stands) == 0 {
		w.stands = p.replicas // who sent the write here could not reach them, whatever this node believes
	}
	if p.holds && len(standIns) == 0 {
		w.owed = p.down
	}
	return others
}

// reachable refuses a write for which too few nodes are up, before any node holds
// it: its outcome is none, and the client may try freely elsewhere.
func (c *Coordinator) reachable(w *write, others []member) error {
	r := &round{c: c, tally: w.tally(), place: &w.place, crosses: !w.knobs.strict, reserve: c.reserve(&w.place, w.knobs.strict, others)}
	r.own()
	for _, other := range others {
		r.enter(other.node, other.targets)
	}
	if r.tally.lost() {
		r.callReserve()
	}
	if !r.tally.lost() || r.cross() && !r.tally.lost() {
		return nil
	}
	r.asks = nil // nobody was asked
	return c.quorumError(w.verb, w.key, r, r.results(w.place.doc, w.place.down), request.None, request.ErrQuorum)
}

// tally is what the write needs: W nodes of those who serve, and, while the layout
// changes, as many of the other set (design R4).
func (w *write) tally() tally {
	t := tally{serving: quorum{need: w.knobs.need, want: len(w.place.replicas)}}
	if second := len(w.place.second); second > 0 {
		t.second = quorum{need: min(w.knobs.need, second), want: second}
	}
	return t
}

// ship sends the whole object to the others at once; this node's own part is done
// when its commit is synced.
func (c *Coordinator) ship(w *write, m *minted, others []member) *round {
	r := &round{
		c: c, method: methodJoin, class: classOf(m.object), trace: w.options.Trace,
		cap: w.knobs.cap(), tally: w.tally(), place: &w.place, crosses: !w.knobs.strict,
		reserve: c.reserve(&w.place, w.knobs.strict, others),
	}
	r.until = c.clock.Now().Add(w.knobs.timeout)
	r.ctx, r.cancel = clock.WithTimeout(c.life, c.clock, w.knobs.timeout)
	request := joinRequest{unsynced: w.knobs.unsynced, w: w.knobs.need, key: w.key, object: m.object}
	r.body = func(a *ask) []byte {
		request.targets = a.targets
		if a.renewed != nil {
			renewed := request
			renewed.object = a.renewed
			return c.stamp(renewed.encode(), w.place.partition)
		}
		return c.stamp(request.encode(), w.place.partition)
	}
	sent := *w // a next run may locate the write anew while this one reads again
	r.renew = func(from ring.NodeID) (*causal.Object, error) { return c.renewal(r.ctx, &sent, from) }
	r.accept = func(a *ask, body []byte) (err error) {
		if a.node != c.self {
			if body, err = c.answered(r.ctx, body); err != nil {
				return err
			}
		}
		return acceptJoin(a, c.self, w.knobs.unsynced, body)
	}
	r.start()
	own := r.own()
	own.targets = w.stands
	for _, other := range others {
		r.send(other.node, other.targets)
	}
	c.syncOwn(r, w, m)
	r.fill()
	return r
}

// syncOwn enters this node's own answer once its commit is on disk.
func (c *Coordinator) syncOwn(r *round, w *write, m *minted) {
	if w.knobs.unsynced {
		r.replies <- rpc.Reply{Tag: 0}
		return
	}
	c.tasks.Go(func() {
		r.replies <- rpc.Reply{Tag: 0, Err: refusal(m.commit.Wait(r.ctx))}
	})
}

// acceptJoin reads a replica's answer to a join.
func acceptJoin(a *ask, self ring.NodeID, unsynced bool, body []byte) error {
	if a.node == self {
		a.durable = !unsynced
		return nil
	}
	if len(body) != 1 {
		return errMessage
	}
	a.durable = body[0]&answerSynced != 0
	if !a.durable && !unsynced {
		return fmt.Errorf("%w: acknowledged before the sync", errMessage)
	}
	return nil
}

// settle waits for the late answers of a put, and leaves a marker for every
// primary that turned out to be away while no fallback stands for it. One that is
// merely slow gets none: hints are for the absent. It is entered in the dirty ledger, as
// is one whose hint a fallback did not take.
func (c *Coordinator) settle(w *write, m *minted, r *round) {
	r.finish()
	r.cancel()
	var away []ring.NodeID
	for _, a := range r.asks {
		if a.state == askOK || a.node == c.self {
			continue
		}
		for _, target := range a.targets {
			if !r.stoodFor(target) {
				c.exchange.Dirty(w.key.stored(), target)
			}
		}
		if a.role != request.Primary || r.stoodFor(a.node) {
			continue
		}
		if c.health.Up(a.node) {
			c.counters.Dirty.Add(1)
			c.exchange.Dirty(w.key.stored(), a.node)
			continue
		}
		away = append(away, a.node)
	}
	if len(away) > 0 {
		c.oweLater(w, m.object, away)
	}
}

// stoodFor reports whether a fallback holds the write for a primary.
func (r *round) stoodFor(id ring.NodeID) bool {
	return slices.ContainsFunc(r.asks, func(a *ask) bool { return a.state == askOK && slices.Contains(a.targets, id) })
}

// receipt says what the write rests on so far.
func (c *Coordinator) receipt(w *write, m *minted, r *round) request.Receipt {
	live := m.object.Live(c.store.Now().Time().UnixMilli())
	receipt := request.Receipt{
		Replicas: len(w.place.replicas), Need: w.knobs.need, OpID: w.opName,
		Created: w.created, Siblings: len(live), ETag: etagOf(live),
		Results: r.results(w.place.doc, w.place.down),
	}
	hinted := make(map[ring.NodeID]bool)
	for _, a := range r.asks {
		if a.state != askOK {
			continue
		}
		receipt.Acks++
		receipt.Primary += count(a.role == request.Primary)
		receipt.Durable += count(a.durable)
		for _, target := range a.targets {
			hinted[target] = true
		}
		for _, target := range w.owed {
			hinted[target] = hinted[target] || a.node == c.self
		}
	}
	for _, kept := range hinted {
		receipt.Hinted += count(kept)
	}
	if w.options.Return {
		value := c.value(w.place.doc, w.bucket, w.key, m.object)
		receipt.Value = &value
	}
	if w.options.Return || w.alone(m.object) {
		receipt.Context = c.token(w.place.doc, w.bucket, w.key, m.object)
	}
	return receipt
}

// alone reports whether an object holds nothing beside the write. Beside it, the
// object's context covers values that nobody has shown to the writer: handed out, it
// would let the writer's next put replace them unseen.
func (w *write) alone(o *causal.Object) bool {
	return !slices.ContainsFunc(o.Siblings, func(s causal.Sibling) bool { return s.Op != w.op })
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// logSlow writes one line for a request over slowRequest, with each replica's time.
func (c *Coordinator) logSlow(verb string, key keyName, trace string, started time.Time, results []request.ReplicaResult, err error) {
	took := c.clock.Now().Sub(started)
	if took < slowRequest {
		return
	}
	c.counters.Slow.Add(1)
	c.log.Warn("slow request", slowAttributes(verb, key, trace, took, results, err)...)
}
