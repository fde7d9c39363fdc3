package replication

import (
	"context"
	"errors"
	"slices"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/skew"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// route runs a write here when this node holds the key, and hands it on otherwise; anew
// when this node was to run it and serves the key no more.
func (c *Coordinator) route(ctx context.Context, w *write) (receipt request.Receipt, err error) {
	for attempt := 0; ; attempt++ {
		receipt, err = c.routeOnce(ctx, w)
		if !errors.Is(err, errStale) || attempt == maxStale || ctx.Err() != nil {
			break
		}
		if err := c.Settled(ctx); err != nil {
			return receipt, err
		}
		if err := c.locateWrite(w); err != nil {
			return receipt, err
		}
	}
	if w.shipped && err != nil && request.OutcomeOf(err) == request.None {
		err = &unsure{err}
	}
	return receipt, err
}

// routeOnce is one try. A primary that cannot mint for a reason of its own hands the write
// on too: its disk is full, its copy of the key is damaged, its clock is off, or it turns
// out to be fenced.
func (c *Coordinator) routeOnce(ctx context.Context, w *write) (request.Receipt, error) {
	leaders := c.leaders(&w.place, w.knobs.strict)
	if len(leaders) > 0 && leaders[0] == c.self {
		receipt, err := c.coordinate(ctx, w)
		if !c.handsOn(w, err) {
			return receipt, err
		}
		anew := *w // what is left of this try goes on behind, by the place that it had
		w = &anew
		if err := c.locateWrite(w); err != nil {
			return receipt, err
		}
		leaders = slices.DeleteFunc(c.leaders(&w.place, w.knobs.strict), func(id ring.NodeID) bool { return id == c.self })
		if len(leaders) == 0 {
			return receipt, err
		}
	}
	head := forwarded{
		Verb: w.verb, Bucket: w.key.bucket, Key: []byte(w.key.key), OpName: w.opName, Trace: w.options.Trace,
		Timeout: w.knobs.timeout, Latest: w.latest,
		Write: &writeKnobs{
			W: w.options.W, Strict: w.options.Strict, Unsynced: w.options.Unsynced, Context: w.options.Context,
			IfMatch: w.options.IfMatch, IfNoneMatch: w.options.IfNoneMatch, ContentType: w.options.ContentType,
			Meta: w.options.Meta, Expiry: w.expiry, Return: w.options.Return,
		},
	}
	local := func(ctx context.Context) reply {
		if err := c.locateWrite(w); err != nil { // some have turned out to be away
			return reply{err: err}
		}
		receipt, err := c.coordinate(ctx, w)
		return reply{receipt: receipt, err: err}
	}
	answer := c.forward(ctx, &w.place, w.knobs, leaders, head, w.value, local)
	return answer.receipt, answer.err
}

// handsOn reports whether a write was refused for what ails this node and not others, who
// may coordinate it. What a fenced one has written is set aside with the rest: it knows
// the operation only.
func (c *Coordinator) handsOn(w *write, err error) bool {
	if err != nil && (c.fenced(w.place.partition) || errors.Is(err, storage.ErrFenced)) {
		return elsewhere(err)
	}
	ails := errors.Is(err, request.ErrFull) || errors.Is(err, request.ErrCorrupt) || errors.Is(err, skew.ErrOff)
	return ails && request.OutcomeOf(err) == request.None
}

// routeGet runs a read here when this node holds the key, and hands it on otherwise;
// anew when this node was to run it and serves the key no more.
func (c *Coordinator) routeGet(ctx context.Context, q *query) (request.Value, error) {
	for attempt := 0; ; attempt++ {
		value, err := c.routeGetOnce(ctx, q)
		if !errors.Is(err, errStale) || attempt == maxStale || ctx.Err() != nil {
			return value, err
		}
		if err := c.Settled(ctx); err != nil {
			return value, err
		}
		if err := c.locateQuery(q); err != nil {
			return value, err
		}
	}
}

func (c *Coordinator) routeGetOnce(ctx context.Context, q *query) (request.Value, error) {
	leaders := c.leaders(&q.place, q.knobs.strict)
	if len(leaders) > 0 && leaders[0] == c.self {
		value, err := c.answer(ctx, q)
		if err == nil || !elsewhere(err) || !c.fenced(q.place.partition) {
			return value, err
		}
		if err := c.locateQuery(q); err != nil { // this node turned out to be fenced
			return value, err
		}
		leaders = c.leaders(&q.place, q.knobs.strict)
	}
	head := forwarded{
		Verb: verbGet, Bucket: q.key.bucket, Key: []byte(q.key.key), Timeout: q.knobs.timeout, Trace: q.options.Trace,
		Read: &readKnobs{R: q.options.R, Strict: q.options.Strict, NoValue: q.options.NoValue},
	}
	local := func(ctx context.Context) reply {
		if err := c.locateQuery(q); err != nil { // some have turned out to be away
			return reply{err: err}
		}
		value, err := c.answer(ctx, q)
		return reply{value: value, err: err}
	}
	answer := c.forward(ctx, &q.place, q.knobs, leaders, head, nil, local)
	return answer.value, answer.err
}

// leaders lists who can coordinate, best first: this node if it is a primary, near
// primaries that answer, then, unless the request is strict, the fallbacks in
// order. Only where no primary can be reached does a fallback mint, from its hint.
func (c *Coordinator) leaders(p *placement, strict bool) []ring.NodeID {
	leaders := slices.DeleteFunc(slices.Clone(p.up), func(id ring.NodeID) bool { return !slices.Contains(p.replicas, id) })
	if p.holds {
		return leaders
	}
	if !strict {
		c.standIns(p)
		leaders = append(leaders, p.fallbacks...)
	}
	return leaders
}
