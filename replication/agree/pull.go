package agree

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// pullTimeout bounds one fetch of a document. It is long enough for 32 MiB over a
// slow line, and a caller gives up with its own context before.
const pullTimeout = 10 * time.Second

// Pull fetches the document that another node holds and adopts it if it is newer.
// The fetch begins after Pull was called; calls that wait for one node share one.
// Nil says that this node now holds what the other held, or a newer one, and that
// Adopted has returned for it.
func (a *Agent) Pull(ctx context.Context, from ring.NodeID) error {
	ctx, leave, err := a.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return a.pull(ctx, from)
}

// pulls are the fetches in progress.
type pulls struct {
	mu    sync.Mutex
	under map[ring.NodeID]*fetches
}

// fetches are one peer's: the one that is out, and the one that whoever came since
// it left waits for, because its answer may be older than what they ask for.
type fetches struct{ running, next *fetch }

type fetch struct {
	done chan struct{}
	err  error // set before done is closed
}

// pull is Pull for a caller that has entered.
func (a *Agent) pull(ctx context.Context, from ring.NodeID) error {
	f := a.joinFetch(from)
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// joinFetch returns a fetch that has not left yet.
func (a *Agent) joinFetch(from ring.NodeID) *fetch {
	a.pulls.mu.Lock()
	defer a.pulls.mu.Unlock()
	if p, ok := a.pulls.under[from]; ok {
		if p.next == nil {
			p.next = &fetch{done: make(chan struct{})}
		}
		return p.next
	}
	if a.pulls.under == nil {
		a.pulls.under = make(map[ring.NodeID]*fetches)
	}
	p := &fetches{running: &fetch{done: make(chan struct{})}}
	a.pulls.under[from] = p
	a.spawn(func() { a.fetchAll(from, p) })
	return p.running
}

// fetchAll fetches until nobody waits for one more.
func (a *Agent) fetchAll(from ring.NodeID, p *fetches) {
	for {
		p.running.err = a.fetch(from)
		close(p.running.done)
		a.pulls.mu.Lock()
		p.running, p.next = p.next, nil
		if p.running == nil {
			delete(a.pulls.under, from)
			a.pulls.mu.Unlock()
			return
		}
		a.pulls.mu.Unlock()
	}
}

func (a *Agent) fetch(from ring.NodeID) error {
	ctx, cancel := clock.WithTimeout(a.life, a.clock, pullTimeout)
	defer cancel()
	answer, err := a.send(ctx, from, Message{Kind: KindFetch, Base: a.name()})
	if err != nil {
		return fmt.Errorf("pull from %s: %w", from, err)
	}
	switch answer.Kind {
	case KindDocument:
		return a.adopt(ctx, answer.Document)
	case KindConflict:
		return fmt.Errorf("pull from %s: %w", from, a.conflicts(ctx, answer.Held, from))
	case KindCurrent:
		return a.settled(ctx)
	default:
		return fmt.Errorf("pull from %s: %w: %s answers no fetch", from, ErrMessage, answer.Kind)
	}
}

// Settled waits until Adopted has returned for the document held: Document may run
// ahead of it by one call.
func (a *Agent) Settled(ctx context.Context) error {
	ctx, leave, err := a.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return a.settled(ctx)
}

func (a *Agent) settled(ctx context.Context) error {
	if d := a.Document(); d != nil {
		return a.take(ctx, d, anyNewer)
	}
	return nil
}

// send encodes a message and decodes its answer.
func (a *Agent) send(ctx context.Context, to ring.NodeID, m Message) (Message, error) {
	body, err := m.Encode()
	if err != nil {
		return Message{}, err
	}
	return a.sendEncoded(ctx, to, body)
}

func (a *Agent) sendEncoded(ctx context.Context, to ring.NodeID, body []byte) (Message, error) {
	answer, err := a.peers.Send(ctx, to, body)
	if err != nil {
		return Message{}, err
	}
	return DecodeMessage(answer)
}
