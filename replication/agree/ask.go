package agree

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// run asks the voters, phase after phase, until the round is over or the time is.
func (a *Agent) run(ctx context.Context, r *Round, roll *roll, d time.Duration) {
	asking, cancel := clock.WithTimeout(ctx, a.clock, d)
	defer cancel()
	for r.Phase() < Decided && asking.Err() == nil {
		roll.asked(r)
		a.ask(asking, r, roll)
	}
	if r.Phase() < Decided && ctx.Err() == nil {
		roll.late(d)
	}
}

// answer is what one voter said.
type answer struct {
	from ring.NodeID
	m    Message
	err  error
}

// ask puts one phase's request to every voter at once and hands the answers to the
// round until the phase is over. Answers that come later are dropped.
func (a *Agent) ask(ctx context.Context, r *Round, roll *roll) {
	m := r.Request()
	body, err := m.Encode()
	answers := make(chan answer, len(r.voters))
	for _, id := range r.voters {
		a.spawn(func() {
			got := answer{from: id, err: err}
			switch {
			case err != nil:
			case id == a.self:
				got.m, got.err = a.vote(ctx, id, m)
			default:
				got.m, got.err = a.sendEncoded(ctx, id, body)
			}
			answers <- got
		})
	}
	told := 0
	for phase := r.Phase(); r.Phase() == phase && ctx.Err() == nil; told++ {
		roll.hear(ctx, r, answers)
	}
	if r.Phase() != Lost {
		return
	}
	// Those who said no may be the quickest. Who else answers belongs in the error.
	lingering, cancel := clock.WithTimeout(ctx, a.clock, linger)
	defer cancel()
	for ; told < len(r.voters) && lingering.Err() == nil; told++ {
		roll.hear(lingering, r, answers)
	}
}

// linger is how long a lost attempt waits for voters that have not answered: about
// what one that is up needs.
const linger = 20 * time.Millisecond

// roll keeps who of the voters answered, over all attempts of a proposal.
type roll struct {
	base    *ring.Document
	last    map[ring.NodeID]error // what came of asking last: nil is an answer
	fresh   map[ring.NodeID]bool  // who answered in this phase
	pending bool                  // acceptance of the proposer's own value was asked for
}

func newRoll(base *ring.Document) *roll {
	return &roll{base: base, last: make(map[ring.NodeID]error), fresh: make(map[ring.NodeID]bool)}
}

// errSilent is the error of a voter that has said nothing.
var errSilent = errors.New("no answer")

// asked notes what a round is about to ask.
func (l *roll) asked(r *Round) {
	if r.Phase() == Accepting && r.Own {
		l.pending = true
	}
	clear(l.fresh)
}

// hear waits for one voter's answer and hands it to the round.
func (l *roll) hear(ctx context.Context, r *Round, answers <-chan answer) {
	var got answer
	select {
	case got = <-answers:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return // a voter that gave up because we did is not to blame
	}
	if got.err == nil && (got.m.Base != r.Base || got.m.Ballot != r.Ballot) {
		got.err = fmt.Errorf("%w: %s of another ballot", ErrMessage, got.m.Kind)
	}
	l.last[got.from], l.fresh[got.from] = got.err, true
	if got.err != nil {
		r.Fail(got.from)
		return
	}
	r.Receive(got.from, got.m)
}

// late notes who did not answer although an attempt had all its time.
func (l *roll) late(d time.Duration) {
	for _, id := range l.base.Voters {
		if !l.fresh[id] {
			l.last[id] = fmt.Errorf("%w within %v", errSilent, d)
		}
	}
}

// undecided is the error of a proposal that ends, and is kept for those that wait
// for their turn behind it.
func (a *Agent) undecided(ctx context.Context, l *roll, err error) error {
	if ctx.Err() == nil || errors.Is(err, ErrClosed) {
		return err // not the voters' doing: the disk's, or Close
	}
	e := &UndecidedError{Base: l.base.Name(), Voters: len(l.base.Voters), Pending: l.pending, Cause: err}
	for _, id := range l.base.Voters {
		err, told := l.last[id]
		switch {
		case told && err == nil:
			e.Answered++
		case told:
			e.Silent = append(e.Silent, Silence{Node: id, Err: err})
		default:
			e.Silent = append(e.Silent, Silence{Node: id, Err: errSilent})
		}
	}
	a.failure.Store(e)
	return e
}

// waiting is the error of a proposal whose turn did not come: it tells what the
// voters said to the one before it.
func (a *Agent) waiting(cause error) error {
	before := a.failure.Load()
	if before == nil || errors.Is(cause, ErrClosed) {
		return fmt.Errorf("wait for another proposal of this node: %w", cause)
	}
	e := *before
	e.Cause, e.Pending = cause, false
	return &e
}
