package replication

import (
	"context"
	"errors"
	"fmt"

	"github.com/hengedb/henge/replication/governor"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// query is one get on its way through the coordinator.
type query struct {
	key     keyName
	bucket  ring.Bucket
	place   placement
	knobs   knobs
	options request.ReadOptions
}

// found is what a read rests on: the join of exactly the answers that count.
type found struct {
	object *causal.Object
	round  *round
	own    *causal.Object
}

// Get reads a key and returns once R nodes answered. It fails with
// request.ErrNotFound when no value is shown (the Value still carries the context
// of a tombstone, and who answered), with request.ErrBadKey, ErrBadBucket,
// ErrNoBucket, ErrBadKnob, ErrOverload, ErrNotReady or ErrClosed at once, and with
// a *request.QuorumError when fewer than R nodes answered in time.
func (c *Coordinator) Get(ctx context.Context, bucket, key string, o request.ReadOptions) (request.Value, error) {
	release, err := c.admit(ctx)
	if err != nil {
		return request.Value{}, err
	}
	defer release()
	started := c.clock.Now()
	q, err := c.newQuery(keyName{bucket, key}, o)
	if err != nil {
		return request.Value{}, err
	}
	ctx, cancel := c.within(ctx, q.knobs.timeout)
	defer cancel()
	value, err := c.routeGet(ctx, q)
	c.observe(governor.Read, started, err)
	c.logSlow(verbGet, q.key, o.Trace, started, value.Answers.Replicas, err)
	return value, err
}

// answer reads on this node and shapes what was found.
func (c *Coordinator) answer(ctx context.Context, q *query) (request.Value, error) {
	f, err := c.read(ctx, q)
	if err != nil {
		return request.Value{}, err
	}
	value := c.value(q.place.doc, q.bucket, q.key, f.object)
	value.Answers = f.answers(q)
	if q.options.NoValue {
		for i := range value.Siblings {
			value.Siblings[i].Data = nil
		}
	}
	if len(value.Siblings) == 0 {
		return value, fmt.Errorf("%w: %q in bucket %q", request.ErrNotFound, q.key.key, q.key.bucket)
	}
	return value, nil
}

// read reads, and anew where the layout moved under it.
func (c *Coordinator) read(ctx context.Context, q *query) (*found, error) {
	for attempt := 0; ; attempt++ {
		if q.place.beside {
			return nil, errStale // who serves is to be asked
		}
		f, err := c.readOnce(ctx, q, attempt < maxStale)
		if err == nil && q.bucket.Generation == 0 && f.object != nil {
			err = c.learnBucket(ctx, q, f)
		}
		if !errors.Is(err, errStale) || attempt == maxStale {
			return f, err
		}
		if err := c.Settled(ctx); err != nil {
			return nil, err
		}
		if err := c.locateQuery(q); err != nil {
			return nil, err
		}
	}
}

// readOnce is one round: what this node holds, and the digest of it to R-1 others,
// which answer "same" or their whole object. What differs is repaired behind. again
// says that another round may follow.
func (c *Coordinator) readOnce(ctx context.Context, q *query, again bool) (*found, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &found{}
	digest, err := c.readOwn(ctx, q, f)
	if c.moved(q.place.doc, q.place.partition) {
		return nil, errStale // what was read may be no replica's copy any more
	}
	r := c.consult(ctx, q, digest)
	f.round = r
	c.enterOwn(r, q, err)
	r.fill()
	err = c.await(ctx, r, q.place.doc, again)
	if errors.Is(err, errStale) {
		return nil, err
	}
	if err == nil && r.ownCounts() && c.fenced(q.place.partition) { // an answer has just told
		return nil, refusal(storage.ErrFenced)
	}
	if err != nil {
		return nil, c.quorumError(verbGet, q.key, r, r.results(q.place.doc, q.place.down), request.None, err)
	}
	f.object = f.join(q.floor())
	if !q.options.NoValue && q.bucket.Generation != 0 {
		c.repair(q, f, digest)
	}
	return f, nil
}

// readOwn reads this node's own copy: the object of a primary, the hint of a
// fallback.
func (c *Coordinator) readOwn(ctx context.Context, q *query, f *found) (causal.Digest, error) {
	object, _, err := c.held(ctx, q.key, q.place.holds)
	if err != nil {
		if !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrFenced) { // of which is told otherwise, not for each read
			c.log.Error("local read", attrKey(q.key), attrErr(err))
		}
		return causal.Digest{}, refusal(err)
	}
	if object != nil && object.Generation < q.floor() {
		object = nil
	}
	f.own = object
	return object.Digest(q.place.doc.Secret, q.key.bucket, q.key.key), nil
}

// held reads what this node has for a key in one of its two roles.
func (c *Coordinator) held(ctx context.Context, key keyName, primary bool) (object *causal.Object, fromHint bool, err error) {
	if primary {
		object, err = c.store.Read(ctx, key.stored())
		return object, false, err
	}
	hint, err := c.store.ReadHint(ctx, key.stored())
	if err != nil || hint == nil {
		return nil, true, err
	}
	return hint.Object, true, nil
}

// consult prepares the round of a read: the nearest primaries first, fallbacks only
// when those that answer are too few.
func (c *Coordinator) consult(ctx context.Context, q *query, digest causal.Digest) *round {
	r := &round{
		c: c, ctx: ctx, method: methodRead, class: rpc.Small, trace: q.options.Trace,
		cap: q.knobs.cap(), tally: tally{serving: quorum{need: q.knobs.need, want: q.knobs.need}}, place: &q.place,
		reserve: c.reserve(&q.place, q.knobs.strict, nil),
		until:   c.clock.Now().Add(q.knobs.timeout),
	}
	for _, id := range q.place.up {
		if id != c.self {
			r.spares = append(r.spares, id)
		}
	}
	body := c.stamp((&readRequest{key: q.key, digest: digest, noValue: q.options.NoValue}).encode(), q.place.partition)
	r.body = func(*ask) []byte { return body }
	r.accept = func(a *ask, raw []byte) error {
		body, err := c.answered(ctx, raw)
		if err != nil {
			return err
		}
		answer, err := decodeAnswer(body)
		if err == nil && !q.options.NoValue {
			err = whole(answer.object)
		}
		a.answer = answer
		return err
	}
	r.start()
	return r
}

// enterOwn counts this node's own copy, unless it could not be read or this node
// has no part in the key.
func (c *Coordinator) enterOwn(r *round, q *query, err error) {
	if !q.place.holds && q.knobs.strict {
		return
	}
	own := r.own()
	r.tally.answered(own.in, false)
	if err != nil {
		own.state, own.result, own.detail = askFailed, request.ResultRefused, err.Error()
		return
	}
	own.state, own.answer = askOK, &readAnswer{same: true}
	r.tally.counts(own.in)
}

// join merges what this node holds with every answer that counts. Objects of an
// older generation of the bucket are of a bucket that was dropped.
func (f *found) join(generation uint64) *causal.Object {
	joined := f.own
	for _, a := range f.round.asks {
		if a.state == askOK && a.answer.object != nil && a.answer.object.Generation >= generation {
			joined = causal.Join(joined, a.answer.object)
		}
	}
	return joined
}

func (f *found) answers(q *query) request.Answers {
	answers := request.Answers{Need: q.knobs.need, Replicas: f.round.results(q.place.doc, q.place.down)}
	for _, a := range f.round.asks {
		if a.state == askOK {
			answers.Got++
			answers.Primary += count(a.role == request.Primary)
		}
	}
	return answers
}

// readBeforeDelete is the read of a delete that brings no context. Nothing found
// at R nodes means that nothing need be written.
func (c *Coordinator) readBeforeDelete(ctx context.Context, w *write) (nothing bool, receipt request.Receipt, err error) {
	q := &query{key: w.key, bucket: w.bucket, options: request.ReadOptions{
		Strict: request.SwitchOf(w.knobs.strict), Timeout: w.knobs.timeout, Trace: w.options.Trace,
	}}
	if err := c.locateQuery(q); err != nil {
		return false, request.Receipt{}, err
	}
	f, err := c.read(ctx, q)
	if quorum, ok := errors.AsType[*request.QuorumError](err); ok {
		quorum.Op = w.verb
	}
	if err != nil {
		return false, request.Receipt{}, err
	}
	w.base = f.object
	if f.object != nil {
		if w.bucket.Generation == 0 {
			return false, request.Receipt{}, errStale // the read has learned of the bucket
		}
		return false, request.Receipt{}, nil
	}
	if err := w.precondition(nil); err != nil {
		return false, request.Receipt{}, err
	}
	answers := f.answers(q)
	return true, request.Receipt{
		Replicas: len(w.place.replicas), Need: w.knobs.need, Acks: answers.Got, Primary: answers.Primary,
		Durable: answers.Got, OpID: w.opName, Results: answers.Replicas,
	}, nil
}
