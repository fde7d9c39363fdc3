package agree

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"

	"github.com/hengedb/henge/ring"
)

// Adopt takes up a decided document that came from elsewhere. The document is
// saved before it is shown; when Adopt returns nil, this node holds it or a newer
// one and Adopted has returned for that. It fails with ErrCluster for another
// cluster's document and with ErrConflict, raising the alarm, for another document
// of a held one's name.
func (a *Agent) Adopt(ctx context.Context, raw []byte) error {
	ctx, leave, err := a.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return a.adopt(ctx, bytes.Clone(raw))
}

// Begin writes the first document of a cluster and tells its members. It fails
// with ErrHeld when this node holds a document already.
func (a *Agent) Begin(ctx context.Context, first *ring.Document) error {
	ctx, leave, err := a.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	sealed, err := first.Seal()
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if sealed.Version != 1 {
		return fmt.Errorf("begin: %w: a cluster begins with version 1, not %d", ErrEdit, sealed.Version)
	}
	if err := a.take(ctx, sealed, onlyFirst); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	a.spread(sealed)
	return nil
}

// adopt is Adopt for a caller that has entered and leaves raw alone.
func (a *Agent) adopt(ctx context.Context, raw []byte) error {
	d, err := ring.Decode(raw)
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	if err := a.take(ctx, d, anyNewer); err != nil {
		return fmt.Errorf("adopt %s: %w", d.Name(), err)
	}
	return nil
}

// taking says which documents take takes.
type taking bool

const (
	anyNewer  taking = false // whatever State.Adopt takes
	onlyFirst taking = true  // only where none is held
)

// take saves and shows d if it is newer than what is held, and returns once
// Adopted has returned for the document that is held then.
func (a *Agent) take(ctx context.Context, d *ring.Document, which taking) error {
	shown, err := a.takeStep(ctx, d, which)
	if err != nil {
		return err
	}
	select {
	case <-shown:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (a *Agent) takeStep(ctx context.Context, d *ring.Document, which taking) (shown <-chan struct{}, err error) {
	if err := a.step.lock(ctx); err != nil {
		return nil, err
	}
	defer a.step.unlock()
	if which == onlyFirst && a.state.Held != nil {
		return nil, fmt.Errorf("%w: %s", ErrHeld, a.state.Name())
	}
	next, newer, err := a.state.Adopt(d)
	if err != nil || !newer {
		a.become(next) // the alarm, if any
		return a.shown, err
	}
	if err := a.setAside(ctx, d); err != nil {
		return nil, err
	}
	if err := a.log.SaveDocument(ctx, d.Raw()); err != nil {
		return nil, fmt.Errorf("save document: %w", err)
	}
	a.become(next)
	a.logger.Info("document adopted", slog.String("document", d.Name().String()))
	a.announce(d)
	return a.shown, nil
}

// announce calls Adopted after all calls before it. The caller holds step.
func (a *Agent) announce(d *ring.Document) {
	before, mine := a.shown, make(chan struct{})
	a.shown = mine
	a.spawn(func() {
		<-before
		a.adopted(d)
		close(mine)
	})
}

// conflicts raises the alarm about a document that another node says it holds, and
// returns the error for it.
func (a *Agent) conflicts(ctx context.Context, other ring.Name, at ring.NodeID) error {
	if err := a.step.lock(ctx); err != nil {
		return fmt.Errorf("%w: %s at %s: %w", ErrConflict, other, at, err)
	}
	defer a.step.unlock()
	if conflict(a.state.Name(), other) {
		a.become(a.state.alarmed(other, at))
	}
	return fmt.Errorf("%w: %s at %s", ErrConflict, other, at)
}
