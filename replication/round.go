package replication

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// silenceCap is how long a node may be silent before another takes its place:
// far above a healthy answer, far below a client's patience. It is never more than
// a third of the request's timeout.
const silenceCap = 100 * time.Millisecond

// ask is one node's part in a round.
type ask struct {
	node    ring.NodeID
	role    request.Role
	in      sets
	targets []ring.NodeID // of a fallback in a put: the primaries it stands for
	state   askState
	result  request.Result
	detail  string
	started time.Time
	elapsed time.Duration
	durable bool           // it said so after a sync
	stoodIn bool           // another node was asked in its place
	again   bool           // it was asked a second time, after its connection broke
	renews  int            // how often what it refused was read again
	renewed *causal.Object // what it is asked with then
	answer  *readAnswer    // of a get
}

// askState is where an ask stands. An ask counts toward the quorum when it is ok.
type askState int

const (
	askPending askState = iota
	askSilent
	askOK
	askFailed
)

// A round asks nodes for one request until enough answered. One goroutine at a
// time runs it: the request's own, and then, for a put, the one that settles what
// is left.
type round struct {
	c       *Coordinator
	ctx     context.Context // of the calls: it may outlive the request
	cancel  context.CancelFunc
	method  rpc.Method
	class   rpc.Class
	trace   string
	cap     time.Duration
	tally   tally
	asks    []*ask
	until   time.Time            // nobody works on it any more
	spares  []ring.NodeID        // in a read: primaries not asked yet, in order
	reserve func() []ring.NodeID // finds who may be asked after them, once somebody is wanted; nil: nobody
	patient bool                 // the work is heavy: silence is no sign of death
	crosses bool                 // of a put: who is in one of two sets may stand in for the other
	body    func(*ask) []byte
	accept  func(*ask, []byte) error                  // reads an answer; an error makes it a refusal
	renew   func(ring.NodeID) (*causal.Object, error) // of a put: reads again what a node refused for its epoch; it may wait
	place   *placement
	replies chan rpc.Reply
	silence chan struct{}
	timer   clock.Timer
	stale   *ask // says that its entry for the partition is newer than the document asked by (R3)
}

// maxRenews bounds how often one node is asked again because it knows of a later round of
// reaping: another one may begin while what it refused is read again.
const maxRenews = 3

// maxAsks bounds the nodes of one round: every replica, and twice as many fallbacks.
const maxAsks = maxTargets + 2*maxTargets

// start prepares a round. Every node it may ask has room for its reply, so that no
// sender waits: this one, those of either set and the fallbacks. Room for all that any
// ring could have would be ten times what a put else allocates on its coordinator.
func (r *round) start() {
	r.recount()
	n := len(r.place.replicas)
	r.replies = make(chan rpc.Reply, 1+n+len(r.place.doc.Entry(r.place.partition).Second())+maxFallbacks(n))
	r.silence = make(chan struct{}, 1)
}

// recount tells the tally who was not asked yet.
func (r *round) recount() {
	var in [maxAsks]sets
	for i, id := range r.spares {
		in[i] = r.place.sets(id)
	}
	r.tally.spares(in[:len(r.spares)])
}

// own enters this node's part, which needs no message.
func (r *round) own() *ask { return r.enter(r.c.self, nil) }

func (r *round) enter(node ring.NodeID, targets []ring.NodeID) *ask {
	a := &ask{node: node, role: r.place.role(node), in: r.place.sets(node), targets: targets, started: r.c.clock.Now()}
	r.asks = append(r.asks, a)
	r.tally.asked(a.in)
	return a
}

// send asks one node.
func (r *round) send(node ring.NodeID, targets []ring.NodeID) {
	r.enter(node, targets)
	r.call(len(r.asks) - 1)
}

// call sends the message of one ask.
func (r *round) call(tag int) {
	a := r.asks[tag]
	r.c.counters.Messages.Add(1)
	call := rpc.Call{
		Method: r.method, Class: r.class, Body: r.body(a), Trace: r.trace,
		Within: max(r.until.Sub(r.c.clock.Now()), time.Microsecond),
	}
	r.c.rpc.Start(r.ctx, r.c.health.Target(a.node), call, tag, r.replies)
}

// callReserve finds out who else could be asked, once nobody else is left. Most
// rounds never need them: walking the ring for them would cost each request.
func (r *round) callReserve() {
	if len(r.spares) > 0 || r.reserve == nil {
		return
	}
	r.spares, r.reserve = r.reserve(), nil
	r.recount()
}

// next asks a spare node in the place of a, which failed or is silent: the first that
// counts where nodes are short. It reports false when there is none.
func (r *round) next(a *ask) bool {
	r.callReserve()
	at := slices.IndexFunc(r.spares, func(id ring.NodeID) bool { return r.tally.helps(r.place.sets(id)) })
	if at < 0 || len(r.asks) == cap(r.replies) {
		return false
	}
	a.stoodIn = true
	node := r.spares[at]
	r.spares = slices.Delete(r.spares, at, at+1)
	r.recount()
	targets := a.targets
	switch {
	case r.place.role(node) == request.Primary:
		targets = nil // it stands for itself
	case a.role == request.Primary:
		targets = []ring.NodeID{a.node}
	}
	r.send(node, targets)
	r.watch()
	return true
}

// fill asks spare nodes at once when those that were asked are too few.
func (r *round) fill() {
	for r.tally.short() > 0 && r.next(&ask{role: request.Fallback}) {
	}
}

// wait returns once enough nodes count, or cannot any more. After errStale, which a
// replica told, replaceStale lets it go on.
func (r *round) wait(ctx context.Context) error {
	r.watch()
	defer func() { r.timer.Stop() }()
	for !r.tally.met() {
		if ctx.Err() != nil || r.c.life.Err() != nil { // before the answers, which may say no more than that
			err := r.c.ended(ctx)
			r.giveUp(err)
			return err
		}
		if r.stale != nil {
			return errStale
		}
		if r.tally.lost() && r.cross() {
			continue
		}
		if r.tally.lost() && !r.ownPending() {
			if !r.c.clock.Now().Before(r.until) {
				return request.ErrTimeout // its calls have noticed before it did
			}
			return request.ErrQuorum
		}
		select {
		case reply := <-r.replies:
			r.take(reply)
		case <-r.silence:
			r.replaceSilent()
		case <-ctx.Done():
		}
	}
	return nil
}

// cross has the nodes of either set of a layout change stand in for the other one too,
// where it is lost and no fallback is left: W nodes hold the write all the same, and the
// absent are owed it. Whichever set serves in the end, the other pushes what it lacks
// before it drops anything (R4 c). It reports whether that is new.
func (r *round) cross() bool {
	if !r.crosses || r.place.crosses || len(r.place.second) == 0 {
		return false
	}
	r.place.crosses = true
	r.tally = tally{
		serving: quorum{need: r.tally.serving.need, want: r.tally.serving.want},
		second:  quorum{need: r.tally.second.need, want: r.tally.second.want},
	}
	for _, a := range r.asks {
		a.in = r.place.sets(a.node)
		r.tally.asked(a.in)
		switch a.state {
		case askPending:
		case askSilent:
			r.tally.silenced(a.in)
		case askOK:
			r.tally.answered(a.in, false)
			r.tally.counts(a.in)
		case askFailed:
			r.tally.answered(a.in, false)
		}
	}
	r.recount()
	return true
}

// ownPending reports whether this node's own part is still to come: its disk is
// near, and an error that leaves out what the coordinator holds tells too little.
func (r *round) ownPending() bool {
	return len(r.asks) > 0 && r.asks[0].node == r.c.self && r.asks[0].state == askPending
}

// ownCounts reports whether this node's own part is among those that count.
func (r *round) ownCounts() bool {
	return len(r.asks) > 0 && r.asks[0].node == r.c.self && r.asks[0].state == askOK
}

// finish takes in the answers that nobody waits for any more.
func (r *round) finish() {
	r.watch()
	defer func() { r.timer.Stop() }()
	for r.tally.outstanding() {
		select {
		case reply := <-r.replies:
			r.take(reply)
			r.replaceStale()
		case <-r.silence:
			r.replaceSilent()
		}
	}
}

// watch sets the cap on silence anew.
func (r *round) watch() {
	if r.timer != nil {
		r.timer.Stop()
	}
	silence := r.silence
	r.timer = r.c.clock.AfterFunc(r.cap, func() {
		select {
		case silence <- struct{}{}:
		default:
		}
	})
}

// take enters one answer, or its absence. Where the connection broke the node may
// be well: it is asked once more, over another one. Joins and reads bear that.
func (r *round) take(reply rpc.Reply) {
	a := r.asks[reply.Tag]
	if errors.Is(reply.Err, rpc.ErrBroken) && !a.again {
		a.again = true
		r.call(reply.Tag)
		return
	}
	if isEpoch(reply.Err) && r.renew != nil && a.renews < maxRenews {
		a.renews++
		r.renewLater(a, reply)
		return
	}
	if now, ok := reply.Err.(renewed); ok { //nolint:errorlint // it is never wrapped
		a.renewed = now.object
		r.call(reply.Tag)
		return
	}
	r.tally.answered(a.in, a.state == askSilent)
	a.elapsed = r.c.clock.Now().Sub(a.started)
	err := reply.Err
	if err == nil {
		err = r.accept(a, reply.Body)
	}
	if err == nil {
		a.state = askOK
		r.tally.counts(a.in)
		return
	}
	a.state = askFailed
	a.result, a.detail = r.explain(a, err)
	if remote, ok := errors.AsType[*rpc.RemoteError](err); ok && remote.Code == codeStale {
		r.stale = a
		return
	}
	r.replace(a)
}

// replace asks another node in the place of one that failed, if more should take part.
func (r *round) replace(a *ask) {
	if r.tally.few() {
		r.next(a)
	}
}

// replaceStale takes what a replica said about its document for a plain refusal.
func (r *round) replaceStale() {
	if a := r.stale; a != nil {
		r.stale = nil
		r.replace(a)
	}
}

// explain puts a failure in a word, and tells the health view what it means.
func (r *round) explain(a *ask, err error) (result request.Result, detail string) {
	var remote *rpc.RemoteError
	switch {
	case errors.As(err, &remote), errors.Is(err, errMessage), errors.Is(err, storage.ErrFenced), errors.Is(err, rpc.ErrTooLarge), a.node == r.c.self:
		return request.ResultRefused, err.Error()
	case errors.Is(err, rpc.ErrUnreachable), errors.Is(err, rpc.ErrBroken), errors.Is(err, rpc.ErrRefused):
		r.c.health.Failed(a.node, err.Error())
		return request.ResultUnreachable, err.Error()
	case r.ctx.Err() != nil && !errors.Is(err, context.DeadlineExceeded):
		return request.ResultPending, "" // who asked gave up: no news of the node
	}
	r.silent(a, a.elapsed)
	return request.ResultTimeout, ""
}

// silent tells the health view of a node that did not answer for so long. What a
// caller's own haste cut short is no news of the node.
func (r *round) silent(a *ask, lasted time.Duration) {
	if lasted >= silenceCap && !r.patient {
		r.c.health.Failed(a.node, reasonCap)
	}
}

// replaceSilent marks who has been silent beyond the cap as away, and asks others
// in their place as far as the quorum needs it.
func (r *round) replaceSilent() {
	now := r.c.clock.Now()
	var silent []*ask
	for _, a := range r.asks {
		if a.state == askPending && now.Sub(a.started) >= r.cap {
			a.state = askSilent
			r.tally.silenced(a.in)
			r.c.counters.Silent.Add(1)
			r.silent(a, now.Sub(a.started))
		}
		if a.state == askSilent && !a.stoodIn {
			silent = append(silent, a)
		}
	}
	for len(silent) > 0 && r.tally.short() > 0 && r.next(silent[0]) {
		silent = silent[1:]
	}
	if len(silent) > 0 && r.tally.short() > 0 {
		r.cross()
	}
	if r.tally.waiting() {
		r.watch()
	}
}

// giveUp marks every ask that has no answer yet; err is why none is waited for.
func (r *round) giveUp(err error) {
	result := request.ResultPending
	if errors.Is(err, request.ErrTimeout) {
		result = request.ResultTimeout
	}
	for _, a := range r.asks {
		if a.state == askPending || a.state == askSilent {
			a.result, a.elapsed = result, r.c.clock.Now().Sub(a.started)
		}
	}
}
