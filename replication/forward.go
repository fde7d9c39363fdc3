package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// forwarded is a client's request on its one hop to a node that can coordinate it.
// The value of a put travels behind it.
type forwarded struct {
	Verb    string        `json:"verb"`
	Bucket  string        `json:"bucket"`
	Key     []byte        `json:"key"`
	Timeout time.Duration `json:"timeout_ns"`       // what is left of the request's
	Latest  causal.Stamp  `json:"latest,omitempty"` // of a write: nobody mints it after that
	OpName  string        `json:"op,omitempty"`
	Read    *readKnobs    `json:"read,omitempty"`
	Write   *writeKnobs   `json:"write,omitempty"`
	Trace   string        `json:"trace,omitempty"`
}

// readKnobs are request.ReadOptions on the wire.
type readKnobs struct {
	R       request.Count  `json:"r,omitempty"`
	Strict  request.Switch `json:"strict,omitempty"`
	NoValue bool           `json:"no_value,omitempty"`
}

// writeKnobs are request.WriteOptions on the wire.
type writeKnobs struct {
	W           request.Count     `json:"w,omitempty"`
	Strict      request.Switch    `json:"strict,omitempty"`
	Unsynced    request.Switch    `json:"unsynced,omitempty"`
	Context     request.Context   `json:"context,omitempty"`
	IfMatch     string            `json:"if_match,omitempty"`
	IfNoneMatch string            `json:"if_none_match,omitempty"`
	ContentType string            `json:"content_type,omitempty"`
	Meta        map[string]string `json:"meta,omitempty"`
	Expiry      int64             `json:"expiry_ms,omitempty"` // as the node that the client asked computed it
	Return      bool              `json:"return,omitempty"`
}

// forward hands a request to the first of the leaders that answers. One that is
// silent beyond the cap is not waited for: the next is asked too, under the same
// operation id, and the first good answer wins.
func (c *Coordinator) forward(ctx context.Context, p *placement, k knobs, leaders []ring.NodeID, head forwarded, body []byte, local func(context.Context) reply) reply {
	f := &forwarding{c: c, head: head, body: body, leaders: leaders, local: local, deadline: c.clock.Now().Add(k.timeout)}
	f.replies = make(chan rpc.Reply, len(leaders)+1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.ctx = ctx
	return f.honest(f.run(p, k))
}

// run asks one leader after another.
func (f *forwarding) run(p *placement, k knobs) reply {
	for {
		if f.ctx.Err() != nil {
			f.sent = f.sent || f.pending > 0
			return f.lost(p, f.c.ended(f.ctx))
		}
		if answer, done := f.next(); done {
			return answer
		}
		if f.pending == 0 && len(f.leaders) == 0 {
			return f.lost(p, request.ErrQuorum)
		}
		silence := make(chan struct{})
		timer := f.c.clock.AfterFunc(k.cap(), func() { close(silence) })
		answer, done := f.await(silence)
		timer.Stop()
		if done {
			return answer
		}
	}
}

// honest keeps a refusal from saying that nothing was written when another
// coordinator may have written it.
func (f *forwarding) honest(answer reply) reply {
	if answer.err != nil && f.sent && f.head.Verb != verbGet && request.OutcomeOf(answer.err) == request.None {
		answer.err = &unsure{answer.err}
	}
	return answer
}

// unsure is a refusal of what an earlier attempt, here or elsewhere, may have written.
type unsure struct{ err error }

func (u *unsure) Error() string { return u.err.Error() + "; an earlier attempt may have written it" }
func (u *unsure) Unwrap() error { return u.err }

// WriteOutcome is what the refusal alone does not tell.
func (u *unsure) WriteOutcome() request.Outcome { return request.Unknown }

// forwarding is one request's way through its possible coordinators.
type forwarding struct {
	c        *Coordinator
	ctx      context.Context
	head     forwarded
	body     []byte
	leaders  []ring.NodeID // not tried yet
	tried    []*ask
	pending  int
	sent     bool // some node may have begun to work on it
	last     error
	local    func(context.Context) reply
	deadline time.Time
	replies  chan rpc.Reply
}

// next hands the request to the next leader. When that is this node, the answer
// is its own.
func (f *forwarding) next() (answer reply, done bool) {
	if len(f.leaders) == 0 {
		return reply{}, false
	}
	node := f.leaders[0]
	f.leaders = f.leaders[1:]
	if node == f.c.self {
		answer = f.local(f.ctx)
		return answer, true
	}
	f.head.Timeout = max(f.deadline.Sub(f.c.clock.Now()), time.Millisecond)
	message, err := pack(f.head, f.body)
	if err != nil {
		return reply{err: err}, true
	}
	f.c.counters.Forwards.Add(1)
	f.tried = append(f.tried, &ask{node: node, started: f.c.clock.Now()})
	f.call(len(f.tried)-1, message)
	return reply{}, false
}

// call sends the message of one try.
func (f *forwarding) call(tag int, message []byte) {
	class := rpc.Small
	if len(message) > bulkBytes {
		class = rpc.Bulk
	}
	call := rpc.Call{Method: methodForward, Class: class, Body: message, Trace: f.head.Trace, Within: f.head.Timeout}
	f.pending++
	f.c.rpc.Start(f.ctx, f.c.health.Target(f.tried[tag].node), call, tag, f.replies)
}

// again hands the request to the same node once more where the connection broke under
// it: the node may be well, and knows an operation that it has taken already.
func (f *forwarding) again(r rpc.Reply) bool {
	a := f.tried[r.Tag]
	if a.again || !errors.Is(r.Err, rpc.ErrBroken) {
		return false
	}
	f.head.Timeout = max(f.deadline.Sub(f.c.clock.Now()), time.Millisecond)
	message, err := pack(f.head, f.body)
	if err != nil {
		return false
	}
	a.again, f.sent = true, true
	f.call(r.Tag, message)
	return true
}

// await takes in answers until one is good, another leader should be tried, or
// nobody waits any more.
func (f *forwarding) await(silence <-chan struct{}) (answer reply, done bool) {
	for f.pending > 0 {
		select {
		case r := <-f.replies:
			f.pending--
			if f.again(r) {
				continue
			}
			if answer, done = f.take(r); done {
				return answer, true
			}
			return reply{}, false
		case <-silence:
			f.markSilent()
			if len(f.leaders) > 0 {
				return reply{}, false
			}
			silence = nil
		case <-f.ctx.Done():
			return reply{}, false
		}
	}
	return reply{}, false
}

// take reads one answer. What another coordinator could do better is no answer as
// long as there is one.
func (f *forwarding) take(r rpc.Reply) (answer reply, done bool) {
	a := f.tried[r.Tag]
	a.state, a.elapsed = askFailed, f.c.clock.Now().Sub(a.started)
	if r.Err == nil {
		answer, r.Err = decodeReply(r.Body)
	}
	var remote *rpc.RemoteError
	switch {
	case r.Err == nil && (answer.err == nil || !elsewhere(answer.err)):
		return answer, true
	case r.Err == nil:
		a.result, a.detail, f.last = request.ResultRefused, answer.err.Error(), answer.err
		f.sent = f.sent || request.OutcomeOf(answer.err) == request.Unknown
	case errors.As(r.Err, &remote):
		a.result, a.detail, f.last = request.ResultRefused, r.Err.Error(), r.Err
	case errors.Is(r.Err, rpc.ErrUnreachable), errors.Is(r.Err, rpc.ErrBroken), errors.Is(r.Err, rpc.ErrRefused):
		a.result, a.detail, f.last = request.ResultUnreachable, r.Err.Error(), nil
		f.sent = f.sent || errors.Is(r.Err, rpc.ErrBroken)
		f.c.health.Failed(a.node, r.Err.Error())
	default: // the request itself has ended, or its time there
		a.result, a.detail, f.last, f.sent = request.ResultTimeout, r.Err.Error(), nil, true
		if f.ctx.Err() != nil && !errors.Is(r.Err, context.DeadlineExceeded) {
			a.result, a.detail = request.ResultPending, ""
		}
	}
	return reply{}, false
}

// elsewhere reports whether another coordinator may succeed where one failed.
func elsewhere(err error) bool {
	for _, own := range []error{
		request.ErrQuorum, request.ErrOverload, request.ErrNotReady, request.ErrFull,
		request.ErrStoreFailed, request.ErrCorrupt, request.ErrClosed, request.ErrTimeout,
	} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

func (f *forwarding) markSilent() {
	for _, a := range f.tried {
		if a.state == askPending {
			a.state, a.result, f.sent = askSilent, request.ResultTimeout, true
			f.c.counters.Silent.Add(1)
			f.c.health.Suspect(a.node) // it may be waiting for others itself
		}
	}
}

// lost is the failure when no coordinator gave an answer that stands. The last
// one's own words are better than a count of silent nodes.
func (f *forwarding) lost(p *placement, cause error) reply {
	if f.last != nil && errors.Is(cause, request.ErrQuorum) {
		return reply{err: f.last}
	}
	err := &request.QuorumError{
		Op: f.head.Verb, Bucket: f.head.Bucket, Key: string(f.head.Key), Outcome: request.None, Need: 1,
	}
	if f.sent && f.head.Verb != verbGet {
		err.Outcome = request.Unknown
	}
	if f.last != nil {
		err.Causes = append(err.Causes, f.last)
	}
	if !errors.Is(cause, request.ErrQuorum) {
		err.Causes = append(err.Causes, cause)
	}
	if errors.Is(cause, request.ErrQuorum) || errors.Is(cause, request.ErrTimeout) {
		f.c.counters.QuorumsLost.Add(1)
	}
	doc := f.c.agent.Document()
	for _, a := range f.tried {
		a.role = request.Primary
		err.Replicas = append(err.Replicas, a.report(doc))
	}
	for _, id := range p.down {
		err.Replicas = append(err.Replicas, request.ReplicaResult{
			Node: id, Name: nameOf(doc, id), Role: request.Primary,
			Result: request.ResultDown, Detail: f.c.health.Node(id).Reason,
		})
	}
	return reply{err: err}
}

// serveForward coordinates a request for another node. It never hands it on again.
func (c *Coordinator) serveForward(ctx context.Context, req *rpc.Request) ([]byte, error) {
	var head forwarded
	value, err := unpack(req.Body, &head)
	if err != nil {
		return nil, refused{err}
	}
	if err := c.pullNewer(ctx, req); err != nil {
		return encodeReply(reply{err: err})
	}
	release, err := c.admit(ctx)
	if err != nil {
		return encodeReply(reply{err: err})
	}
	defer release()
	ctx, cancel := c.within(ctx, head.Timeout)
	defer cancel()
	return encodeReply(c.runForwarded(ctx, head, value))
}

func (c *Coordinator) runForwarded(ctx context.Context, head forwarded, value []byte) (answer reply) {
	key := keyName{head.Bucket, string(head.Key)}
	switch {
	case head.Verb == verbGet && head.Read != nil:
		k := head.Read
		q, err := c.newQuery(key, request.ReadOptions{R: k.R, Strict: k.Strict, Timeout: head.Timeout, NoValue: k.NoValue, Trace: head.Trace})
		if err != nil {
			return reply{err: err}
		}
		answer.value, answer.err = c.answer(ctx, q)
		return answer
	case (head.Verb == verbPut || head.Verb == verbDelete) && head.Write != nil:
		k := head.Write
		w, err := c.newWrite(ctx, head.Verb, key, value, request.WriteOptions{
			W: k.W, Strict: k.Strict, Unsynced: k.Unsynced, Timeout: head.Timeout, Context: k.Context,
			IfMatch: k.IfMatch, IfNoneMatch: k.IfNoneMatch, ContentType: k.ContentType, Meta: k.Meta,
			OpID: head.OpName, Return: k.Return, Trace: head.Trace,
		})
		if err != nil {
			return reply{err: err}
		}
		// However long the message was under way, the client's patience began where
		// it asked: a request that a broken link held up is not minted after it.
		w.latest = min(w.latest, head.Latest)
		w.expiry = k.Expiry
		answer.receipt, answer.err = c.coordinate(ctx, w)
		return answer
	}
	return reply{err: fmt.Errorf("%w: verb %q", errMessage, head.Verb)}
}
