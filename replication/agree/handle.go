package agree

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hengedb/henge/ring"
)

// Handle answers a message of another node's Agent. It may wait for the disk, and
// for the sender's document when that is the newer one. An error says that nothing
// was promised or accepted that anybody may count on.
func (a *Agent) Handle(ctx context.Context, from ring.NodeID, body []byte) ([]byte, error) {
	ctx, leave, err := a.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	m, err := DecodeMessage(body)
	if err != nil {
		return nil, fmt.Errorf("from %s: %w", from, err)
	}
	answer, err := a.handle(ctx, from, m)
	if err != nil {
		return nil, fmt.Errorf("%s from %s: %w", m.Kind, from, err)
	}
	return answer.Encode()
}

func (a *Agent) handle(ctx context.Context, from ring.NodeID, m Message) (Message, error) {
	switch m.Kind {
	case KindFetch:
		return a.lend(ctx, from, m)
	case KindDecided:
		return a.learn(ctx, m)
	case KindPrepare, KindAccept:
		return a.vote(ctx, from, m)
	default:
		return Message{}, fmt.Errorf("%w: %s is not a request", ErrMessage, m.Kind)
	}
}

// lend answers a fetch without waiting for anything, unless it raises the alarm.
func (a *Agent) lend(ctx context.Context, from ring.NodeID, m Message) (Message, error) {
	_, answer, _ := State{Self: a.self, Held: a.Document()}.Answer(from, m)
	if answer.Kind == KindConflict {
		return a.answer(ctx, from, m)
	}
	return answer, nil
}

// learn takes up what another node says was decided.
func (a *Agent) learn(ctx context.Context, m Message) (Message, error) {
	err := a.adopt(ctx, m.Document)
	switch {
	case errors.Is(err, ErrConflict):
		return Message{Kind: KindConflict, Held: a.name(), Reason: err.Error()}, nil
	case err != nil:
		return Message{}, err
	}
	return Message{Kind: KindCurrent, Held: a.name()}, nil
}

// vote answers a prepare or an accept, after a look at the sender's document when
// the sender is ahead.
func (a *Agent) vote(ctx context.Context, from ring.NodeID, m Message) (Message, error) {
	if why := a.abstain(); why != "" {
		return a.refuse(m, why), nil
	}
	if a.name().Compare(m.Base) < 0 && from != a.self {
		if err := a.pull(ctx, from); err != nil {
			a.logger.Warn("document not pulled", slog.String("from", from.String()), slog.Any("error", err))
		}
	}
	held := a.Document()
	if held == nil {
		// A document may arrive before the step: it would let through what nobody has
		// looked at.
		return Message{Kind: KindBehind, Base: m.Base, Ballot: m.Ballot}, nil
	}
	if m.Kind == KindAccept {
		// Here, not in the step: the step must be short, and decoding may not be.
		if _, err := Successor(m.Base, held.Cluster, m.Document); err != nil {
			return a.refuse(m, err.Error()), nil
		}
	}
	return a.answer(ctx, from, m)
}

func (a *Agent) refuse(m Message, why string) Message {
	return Message{Kind: KindRefused, Base: m.Base, Ballot: m.Ballot, Held: a.name(), Reason: why}
}

// answer makes one step of the state, saved before it is told.
func (a *Agent) answer(ctx context.Context, from ring.NodeID, m Message) (Message, error) {
	if err := a.step.lock(ctx); err != nil {
		return Message{}, err
	}
	defer a.step.unlock()
	next, answer, save := a.state.Answer(from, m)
	if save {
		if err := a.save(ctx, next); err != nil {
			return Message{}, err
		}
	}
	a.become(next)
	return answer, nil
}

// save makes the node's part in the instance durable. The caller holds step.
func (a *Agent) save(ctx context.Context, next State) error {
	b, err := next.Record()
	if err != nil {
		return err
	}
	if err := a.log.SaveAcceptor(ctx, b); err != nil {
		return fmt.Errorf("save acceptor: %w", err)
	}
	return nil
}

func (a *Agent) name() ring.Name { return State{Held: a.Document()}.Name() }
