package agree

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// Edit makes the successor of a document: the next version, of the same cluster
// and era. It must not change the document it is given. It returns nil and no error
// when nothing is left to do, and its own error when it no longer fits.
//
// An edit may be applied many times, and to a document that has it already: a
// proposal that went unanswered may have been finished by another node. So it must
// know its own work again.
type Edit func(*ring.Document) (*ring.Document, error)

// The times of a proposal.
const (
	// patience is how long the first attempt may take: two synced round trips on a
	// slow disk. Each further attempt may take twice as long, to maxPatience, so that
	// a voter that must first pull a large document is not asked anew for ever.
	patience    = 250 * time.Millisecond
	maxPatience = 8 * time.Second
	// backoff bounds the wait before the second attempt: a few round trips, so that of
	// several proposers one gets through. It doubles, to maxBackoff.
	backoff    = 20 * time.Millisecond
	maxBackoff = 500 * time.Millisecond
	// settleTimeout bounds saving and showing what was decided, whatever is left of
	// the proposal's own time.
	settleTimeout = 5 * time.Second
)

// Propose has the voters decide the edit, and returns the document that has it:
// decided, saved here, and Adopted called for it. A proposal that loses to another
// is applied again to the winner. Propose tries until ctx ends, and then returns an
// *UndecidedError. An error of edit comes back as it is; ErrNoDocument and
// ErrConflict say that nothing can be proposed.
func (a *Agent) Propose(ctx context.Context, edit Edit) (*ring.Document, error) {
	ctx, leave, err := a.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := a.turn.lock(ctx); err != nil {
		return nil, a.waiting(err)
	}
	defer a.turn.unlock()
	for {
		base, value, err := a.apply(edit)
		if err != nil || value == nil {
			return base, err
		}
		after, err := a.decide(ctx, base, value.Raw())
		if err != nil {
			return nil, err
		}
		if after.Name() == value.Name() {
			return after, nil
		}
	}
}

// apply makes the edit's successor of the document held; nil when there is nothing
// to do.
func (a *Agent) apply(edit Edit) (base, value *ring.Document, err error) {
	base = a.Document()
	if base == nil {
		return nil, nil, ErrNoDocument
	}
	if text := a.Alarm(); text != "" {
		return nil, nil, fmt.Errorf("%w: %s", ErrConflict, text)
	}
	if err := base.Editable(); err != nil {
		return nil, nil, err
	}
	value, err = edit(base)
	if err != nil {
		return nil, nil, err
	}
	if value == nil {
		return base, nil, nil
	}
	raw, err := value.Encode()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrEdit, err)
	}
	value, err = Successor(base.Name(), base.Cluster, raw)
	return base, value, err
}

// decide proposes value as the successor of base until some successor is known,
// and returns the document that is held then.
func (a *Agent) decide(ctx context.Context, base *ring.Document, value []byte) (*ring.Document, error) {
	roll := newRoll(base)
	var above uint64
	for attempt := 0; ; attempt++ {
		b, err := a.reserve(ctx, base.Name(), above)
		if errors.Is(err, errMoved) {
			return a.Document(), nil
		}
		if err != nil {
			return nil, a.undecided(ctx, roll, err)
		}
		r := NewRound(base.Name(), base.Voters, b, value)
		a.run(ctx, r, roll, min(patience<<min(attempt, 10), maxPatience))
		switch r.Phase() {
		case Decided:
			return a.settle(r.Value)
		case Overtaken:
			if err := a.adopt(ctx, r.Newer); err != nil {
				return nil, err
			}
			return a.Document(), nil
		case Conflicting:
			return nil, a.conflicts(ctx, r.Other, r.At)
		}
		above = r.Seen
		if err := clock.Sleep(ctx, a.clock, a.pause(attempt)); err != nil {
			return nil, a.undecided(ctx, roll, err)
		}
	}
}

// errMoved says that the document held is no longer the base of the proposal.
var errMoved = errors.New("the document moved on")

// reserve saves a round for a new ballot before anybody hears of it (section 2.5
// of the paper): a node that forgot it could propose two values under one ballot.
func (a *Agent) reserve(ctx context.Context, base ring.Name, above uint64) (Ballot, error) {
	if err := a.step.lock(ctx); err != nil {
		return Ballot{}, err
	}
	defer a.step.unlock()
	if a.state.Name() != base {
		return Ballot{}, errMoved
	}
	next, b := a.state.Reserve(above)
	if err := a.save(ctx, next); err != nil {
		return Ballot{}, err
	}
	a.become(next)
	return b, nil
}

// settle takes up what was decided and tells the members. It has a time of its
// own: the decision stands, whether or not the proposal's time is over.
func (a *Agent) settle(value []byte) (*ring.Document, error) {
	ctx, cancel := clock.WithTimeout(a.life, a.clock, settleTimeout)
	defer cancel()
	if err := a.adopt(ctx, value); err != nil {
		return nil, err
	}
	a.failure.Store(nil)
	held := a.Document()
	a.spread(held)
	return held, nil
}

// pause is how long to wait before the next attempt: half of the bound, so that
// voters that refuse at once are not asked in a loop, and up to as much again at
// random, which tells proposers apart.
func (a *Agent) pause(attempt int) time.Duration {
	half := min(backoff<<min(attempt, 10), maxBackoff) / 2
	return half + time.Duration(a.rand()%uint64(half))
}
