package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/replication/request"
)

// Bounds of one call's attempts.
const (
	// maxAnswered is how many nodes' refusals that may pass are taken: with three
	// replicas, each one's and one more.
	maxAnswered = 4
	// maxTries bounds the attempts of all kinds: a few dead nodes must not end a call,
	// and in a cluster of which sixteen are dead no call can help.
	maxTries = 16
	// maxFlying is how many attempts run at once: a silent node and the one asked in
	// its place.
	maxFlying = 2
	// firstPause doubles with each pause of a call. It is about a request's time, and
	// several of them are below a person's notice.
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// call is an operation under way.
type call struct {
	c       *Client
	o       *operation
	ctx     context.Context
	holders []*node
	view    *view
	turn    uint32

	answers  chan answer // has room for every attempt
	tries    []try
	tried    []*node // in this round over the nodes
	flying   int
	answered int
	unknown  bool // an attempt may have left something behind
	pauses   int
}

// try is one attempt.
type try struct {
	node  *node
	began time.Duration
	err   error
	done  bool
}

// answer is how an attempt ended.
type answer struct {
	try   int
	reply *reply
	err   error
}

// do runs an operation to its end: one answer that holds, or an error.
func (c *Client) do(ctx context.Context, o *operation) (*reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.limit(o.timeout), request.ErrTimeout)
	defer cancel() // ends the attempts that nobody waits for any more
	k := &call{c: c, o: o, ctx: ctx, turn: c.turn.Add(1), answers: make(chan answer, maxTries)}
	k.look()
	if err := k.next(); err != nil {
		return nil, err
	}
	return k.run()
}

// run waits for answers, and asks on while none holds.
func (k *call) run() (*reply, error) {
	timer := time.NewTimer(k.patience())
	defer timer.Stop()
	for {
		select {
		case a := <-k.answers:
			k.flying--
			reply, final, err := k.take(a)
			if final {
				return reply, err
			}
			if err := k.again(a.err); err != nil {
				return nil, err
			}
			timer.Reset(k.patience())
		case <-timer.C:
			k.silent()
			if k.flying < maxFlying && len(k.tries) < maxTries {
				if err := k.next(); err != nil {
					return nil, err
				}
				timer.Reset(k.patience())
			}
		case <-k.ctx.Done():
			return nil, k.failure(context.Cause(k.ctx))
		case <-k.c.life.Done():
			return nil, k.failure(request.ErrClosed)
		}
	}
}

// look takes the newest view of the cluster.
func (k *call) look() {
	k.view = k.c.view.Load()
	if k.o.seeds {
		k.view, k.turn = &view{nodes: k.c.seeds}, 0
	}
	k.holders = k.view.holders(k.o.bucket, k.o.key)
}

// next starts an attempt at the next node.
func (k *call) next() error {
	n := k.view.pick(k.holders, k.tried, k.turn, k.c.now())
	if n == nil { // a new round, over what is known now
		k.tried = k.tried[:0]
		k.look()
		n = k.view.pick(k.holders, nil, k.turn, k.c.now())
	}
	i := len(k.tries)
	k.tries = append(k.tries, try{node: n, began: k.c.now()})
	k.tried = append(k.tried, n)
	k.flying++
	left := k.left()
	started := k.c.spawn(func() {
		reply, err := k.c.attempt(k.ctx, k.o, n, left)
		k.answers <- answer{i, reply, err}
	})
	if !started {
		k.flying--
		return k.failure(request.ErrClosed)
	}
	return nil
}

// left is the time until the call's end that a node may use.
func (k *call) left() time.Duration {
	deadline, _ := k.ctx.Deadline()
	return max(time.Until(deadline)-answerGrace, time.Millisecond).Truncate(time.Millisecond)
}

// patience is how long the newest attempt may be silent: less for a node that failed
// before.
func (k *call) patience() time.Duration {
	if len(k.tries) > 0 && k.tries[len(k.tries)-1].node.suspect() {
		return min(k.o.patience, suspectPatience)
	}
	return k.o.patience
}

// suspectPatience is far above a request's usual time, and little to lose each time
// that a node is tried again.
const suspectPatience = 100 * time.Millisecond

// silent marks the nodes that have not answered yet, so that other calls leave them
// alone.
func (k *call) silent() {
	for i := range k.tries {
		if t := &k.tries[i]; !t.done {
			k.c.failed.Store(true)
			t.node.fail(t.began, k.c.now(), k.c.jitter)
		}
	}
}

// take enters an attempt's end. It is final when it succeeded, or when the same
// request would meet the same answer elsewhere.
func (k *call) take(a answer) (r *reply, final bool, err error) {
	t := &k.tries[a.try]
	t.done, t.err = true, a.err
	if a.reply == nil {
		k.lost(t)
		return nil, false, nil
	}
	k.c.learn()
	var p *problem.Error
	if !errors.As(a.err, &p) {
		t.node.ok()
		return a.reply, true, a.err
	}
	k.answered++
	k.heed(t.node, p)
	if k.o.write && p.WriteOutcome() == request.Unknown {
		k.unknown = true
	}
	if p.Retryable {
		return nil, false, nil
	}
	if k.mayHaveWritten() && p.WriteOutcome() != request.Unknown {
		return a.reply, true, k.failure(nil)
	}
	return a.reply, true, a.err
}

// lost enters an attempt without an answer. What ended because the call did is not
// the node's failure; what it sent may have been written all the same.
func (k *call) lost(t *try) {
	if k.o.write && !neverSent(t.err) {
		k.unknown = true
	}
	if k.ctx.Err() != nil {
		return
	}
	k.c.failed.Store(true)
	t.node.fail(t.began, k.c.now(), k.c.jitter)
}

// heed is what a node's refusal says about the node.
func (k *call) heed(n *node, p *problem.Error) {
	switch {
	case p.RetryAfter > 0:
		n.pause(k.c.now(), k.c.jitter(min(p.RetryAfter, request.MaxTimeout)))
	case errors.Is(p, request.ErrFull), errors.Is(p, request.ErrStoreFailed), p.Code == "":
		n.pause(k.c.now(), k.c.jitter(maxPause))
	default:
		n.ok()
	}
}

// mayHaveWritten reports whether the call may have left something behind: an attempt
// said so, or runs on.
func (k *call) mayHaveWritten() bool { return k.unknown || k.o.write && k.flying > 0 }

// again asks the next node, after a pause where asking at once would do harm or no
// good. It fails when no attempt is left.
func (k *call) again(last error) error {
	if k.flying > 0 {
		return nil // the other attempt is waited for
	}
	if k.answered >= maxAnswered || len(k.tries) >= k.bound() {
		return k.failure(nil)
	}
	if k.atOnce(last) {
		return k.next()
	}
	if err := k.pause(); err != nil {
		return err
	}
	return k.next()
}

// bound is each node twice, the second time after a pause.
func (k *call) bound() int { return min(max(2*len(k.view.nodes), maxAnswered), maxTries) }

// atOnce reports whether another node may be asked without a pause: the last one did
// not take the request, for a reason of its own, and there is one not tried yet.
func (k *call) atOnce(last error) bool {
	if len(k.tried) >= len(k.view.nodes) || errors.Is(last, request.ErrOverload) {
		return false
	}
	var p *problem.Error
	return !errors.As(last, &p) || !errors.Is(last, request.ErrQuorum)
}

// pause waits before the next attempt. When every node asked to be left alone, it
// waits as long as the first of them did.
func (k *call) pause() error {
	d := k.c.jitter(min(firstPause<<k.pauses, maxPause))
	k.pauses++
	if rest := k.rest(); rest > d {
		d = rest
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-k.ctx.Done():
		return k.failure(context.Cause(k.ctx))
	case <-k.c.life.Done():
		return k.failure(request.ErrClosed)
	}
}

// rest is the time until the first node is to be asked again; 0 when one may be now.
// A node that failed asked for nothing: it is tried when its turn comes.
func (k *call) rest() time.Duration {
	now := k.c.now()
	shortest := request.MaxTimeout
	for _, n := range k.view.nodes {
		if n.suspect() {
			return 0
		}
		shortest = min(shortest, time.Duration(n.rests.Load())-now)
	}
	return max(shortest, 0)
}

// failure is the call's own error. A call that only one node answered is that node's
// error, unless more is to be said.
func (k *call) failure(cause error) error {
	outcome := request.None
	if k.mayHaveWritten() {
		outcome = request.Unknown
	}
	if len(k.tries) == 1 && cause == nil && k.tries[0].done {
		if p := (*problem.Error)(nil); errors.As(k.tries[0].err, &p) {
			return p
		}
	}
	e := &Error{Op: k.o.verb, Bucket: k.o.bucket, Key: k.o.key, Outcome: outcome, Cause: cause}
	for _, t := range k.tries {
		e.Tries = append(e.Tries, Try{URL: t.node.base.String(), Elapsed: k.c.now() - t.began, Err: t.err})
	}
	if cause != nil && errors.Is(cause, context.DeadlineExceeded) {
		e.Cause = fmt.Errorf("%w: %w", request.ErrTimeout, cause)
	}
	return e
}
