package agree

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// What Force refuses with, to be matched with errors.Is.
var (
	ErrMajority = errors.New("a majority of the voters answers: nothing is to be forced")
	ErrAlive    = errors.New("a node that is named as lost answers")
	ErrFew      = errors.New("too few of the voters that would be left answer")
)

// probeTimeout is how long a voter may take to show that it is there: many times what
// one that is up needs, for a force on a mistake costs data.
const probeTimeout = 2 * time.Second

// Force has this node adopt the document of a higher era that edit makes, with no
// voter asked, and tells the members. It is for a majority that is lost for ever:
// what the lost decided since is not in the document; where they come back it is kept
// aside. When two nodes force at once, there are two documents of one era, and the
// alarm is raised.
//
// Every member is asked first, and a newer document that one holds is taken. Force
// fails with ErrMajority while a majority answers, with ErrAlive when one of those
// that edit gives up does, and with ErrFew when of the voters that it leaves no
// majority does. Under the alarm these three are not looked at: a higher era ends the
// alarm. An edit that returns nil has nothing to do.
func (a *Agent) Force(ctx context.Context, edit Edit) (*ring.Document, error) {
	ctx, leave, err := a.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := a.turn.lock(ctx); err != nil {
		return nil, a.waiting(err)
	}
	defer a.turn.unlock()
	base, answered, err := a.probe(ctx)
	if err != nil {
		return nil, err
	}
	value, err := edit(base)
	if err != nil || value == nil {
		return base, err
	}
	if value, err = forcing(base, value); err != nil {
		return nil, err
	}
	if a.Alarm() == "" {
		if err := mayForce(base, value, answered); err != nil {
			return nil, err
		}
	}
	if err := a.take(ctx, value, anyNewer); err != nil {
		return nil, fmt.Errorf("force %s: %w", value.Name(), err)
	}
	held := a.Document()
	if held.Name() != value.Name() {
		return nil, fmt.Errorf("%w: %s came first", ErrEdit, held.Name())
	}
	a.logger.Warn("document forced", slog.String("document", held.Name().String()), slog.String("from", base.Name().String()))
	a.spread(held)
	return held, nil
}

// forcing checks that value can be forced over base.
func forcing(base, value *ring.Document) (*ring.Document, error) {
	raw, err := value.Encode()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEdit, err)
	}
	if value, err = ring.Decode(raw); err != nil {
		return nil, err
	}
	switch {
	case value.Cluster != base.Cluster:
		return nil, fmt.Errorf("%w: its cluster is %s, not %s", ErrEdit, value.Cluster, base.Cluster)
	case value.Era.Number != base.Era.Number+1 || value.Version <= base.Version:
		return nil, fmt.Errorf("%w: %s does not force %s", ErrEdit, value.Name(), base.Name())
	case value.Forced == nil || value.Forced.From != base.Name():
		return nil, fmt.Errorf("%w: %s does not say that it forces %s", ErrEdit, value.Name(), base.Name())
	}
	return value, nil
}

// mayForce refuses where the cluster can help itself, or could not after the force.
func mayForce(base, value *ring.Document, answered []ring.NodeID) error {
	among := func(ids []ring.NodeID) int {
		return len(slices.DeleteFunc(slices.Clone(ids), func(id ring.NodeID) bool { return !slices.Contains(answered, id) }))
	}
	if n := among(base.Voters); n >= majority(base.Voters) {
		return fmt.Errorf("%w: %d of %d do", ErrMajority, n, len(base.Voters))
	}
	for _, id := range value.Forced.Lost {
		if slices.Contains(answered, id) {
			return fmt.Errorf("%w: %s", ErrAlive, id)
		}
	}
	if n := among(value.Voters); n < majority(value.Voters) {
		return fmt.Errorf("%w: %d of %d do, %d decide", ErrFew, n, len(value.Voters), majority(value.Voters))
	}
	return nil
}

// probe asks the members, and those of the newer document if one holds that, for their
// documents. It returns the newest, and who answered; this node does.
func (a *Agent) probe(ctx context.Context) (base *ring.Document, answered []ring.NodeID, err error) {
	for {
		base = a.Document()
		if base == nil {
			return nil, nil, ErrNoDocument
		}
		answered = a.present(ctx, base.Members)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if a.Document().Name() == base.Name() {
			return base, answered, nil
		}
	}
}

// present fetches from each member what is newer than the document held, and says who
// answered.
func (a *Agent) present(ctx context.Context, members []ring.Member) []ring.NodeID {
	ctx, cancel := clock.WithTimeout(ctx, a.clock, probeTimeout)
	defer cancel()
	answers := make(chan ring.NodeID, len(members))
	for _, m := range members {
		a.spawn(func() {
			if m.ID != a.self && a.answers(ctx, m.ID) != nil {
				answers <- 0
				return
			}
			answers <- m.ID
		})
	}
	var present []ring.NodeID
	for range members {
		if id := <-answers; id != 0 {
			present = append(present, id)
		}
	}
	return present
}

// answers returns nil if a node is there, whatever it holds.
func (a *Agent) answers(ctx context.Context, id ring.NodeID) error {
	m, err := a.send(ctx, id, Message{Kind: KindFetch, Base: a.name()})
	if err != nil {
		return err
	}
	switch m.Kind {
	case KindDocument:
		err = a.adopt(ctx, m.Document)
	case KindConflict:
		err = a.conflicts(ctx, m.Held, id)
	default:
	}
	if err != nil {
		a.logger.Warn("document not taken before a force", slog.String("from", id.String()), slog.Any("error", err))
	}
	return nil
}

// Aside lists the documents that were held here and are not part of what is held now,
// because a document was forced that forked from before them. The Log keeps them.
func (a *Agent) Aside() []string {
	if names := a.aside.Load(); names != nil {
		return *names
	}
	return nil
}

// setAside keeps the document held before one that sets it aside takes its place. The
// caller holds step.
func (a *Agent) setAside(ctx context.Context, d *ring.Document) error {
	held := a.state.Held
	if held == nil || !d.SetsAside(held.Name()) {
		return nil
	}
	name := held.Name().String()
	if slices.Contains(a.Aside(), name) {
		return nil
	}
	if err := a.log.SaveAside(ctx, name, held.Raw()); err != nil {
		return fmt.Errorf("save the document set aside: %w", err)
	}
	names := append(slices.Clone(a.Aside()), name)
	a.aside.Store(&names)
	a.logger.Warn("document set aside: another was forced that forked from before it", slog.String("document", name), slog.String("forced", d.Name().String()))
	return nil
}
