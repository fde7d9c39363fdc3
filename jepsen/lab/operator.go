package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/ring"
)

// An operator changes the layout as a person would: one change at a time, tried again
// until it is taken, and followed until it is complete.

// changeWithin bounds how long a change may take once all faults have ended.
const changeWithin = 15 * time.Minute

// operateEvery is how often the operator looks and tries.
const operateEvery = 2 * time.Second

// operate makes one change and waits until it is complete, or the lab closes.
func (l *Lab) operate(s Step) {
	ctx := l.life
	node, spare := l.Node(s.Node), l.Node(s.To)
	if s.Do == ChangeAdd {
		node, spare = nil, node
	}
	if s.Do == ChangeSwap {
		node.setPart(false, true)
		node.Kill()
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return
	}
	if spare != nil {
		spare.setPart(true, false)
		if err := spare.Start(ctx); err != nil {
			l.leaked(fmt.Errorf("%v: %w", s, err))
			return
		}
	}
	if s.Do == ChangeGo {
		node.setPart(true, true)
	}
	if !l.insist(ctx, s) {
		return
	}
	for !l.changed() && sleep(ctx, operateEvery) {
	}
	if s.Do == ChangeGo && ctx.Err() == nil {
		node.setPart(false, true)
		node.stop()
	}
	l.Sometimes.SawIf(ctx.Err() == nil, "a layout change completed: "+string(s.Do))
}

// insist stages and applies a change through whichever member takes it.
func (l *Lab) insist(ctx context.Context, s Step) bool {
	step := henge.LayoutStep{Verb: ring.VerbAdd, Node: s.Node}
	switch s.Do { //nolint:exhaustive // the others change nothing
	case ChangeGo:
		step.Verb = ring.VerbRemove
	case ChangeSwap:
		step.Verb, step.With, step.Expel = ring.VerbReplace, s.To, true
	}
	for try := 0; ; try++ {
		for i := range l.nodes {
			n := l.nodes[(i+try)%len(l.nodes)]
			if n.Serving() && l.apply(ctx, n.Process(), step) == nil {
				return true
			}
		}
		if !sleep(ctx, operateEvery) {
			return false
		}
		l.Sometimes.Saw("a layout change was tried again")
	}
}

// apply has one node apply one step. One that is staged already stays so.
func (l *Lab) apply(ctx context.Context, node *henge.Node, step henge.LayoutStep) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	layout := node.Layout()
	if layout.Change != nil {
		if slices.ContainsFunc(layout.Change.Steps, func(s henge.LayoutStep) bool { return s.Verb == step.Verb }) {
			return nil // an earlier try was taken after all: there is one change at a time
		}
		return errors.New("another change is in flight")
	}
	if len(layout.Staged) == 0 {
		if err := node.Stage(ctx, step); err != nil {
			return err
		}
	}
	plan, err := node.Plan(ctx)
	if err != nil {
		return err
	}
	return node.Apply(ctx, plan.Hash)
}

// changed reports whether no member that runs knows of a change in flight, and all of
// them hold one document.
func (l *Lab) changed() bool {
	var held ring.Name
	for _, n := range l.Members() {
		p := n.Process()
		if p == nil {
			return false
		}
		layout := p.Layout()
		if layout.Change != nil || (held != ring.Name{} && held != layout.Document) {
			return false
		}
		held = layout.Document
	}
	return true
}

// settleChanges waits until the changes that were asked for are complete.
func (l *Lab) settleChanges(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
		<-l.turn
	case <-ctx.Done():
		return fmt.Errorf("a layout change is not complete: %w", ctx.Err())
	}
	for !l.changed() {
		if !sleep(ctx, operateEvery) {
			return fmt.Errorf("members do not hold one document without a change: %w", ctx.Err())
		}
	}
	return nil
}

// DrawChanges makes a plan of layout changes for d: joins, leaves and one replacement
// of a node that died, in an order of the seed's own. No node that faults are drawn
// for is among those that die for ever.
func DrawChanges(seed uint64, members, spares []string, d time.Duration) Plan {
	r := rand.New(rand.NewPCG(seed, text("changes")))
	members, spares = slices.Clone(members), slices.Clone(spares)
	var plan Plan
	swapped := false
	for at := pause(r, time.Second, 20*time.Second); at < d; at += pause(r, 10*time.Second, d/2) {
		step := Step{At: at}
		switch what := r.IntN(3); {
		case what == 0 && len(spares) > 0:
			step.Do, step.Node = ChangeAdd, spares[0]
			members, spares = append(members, spares[0]), spares[1:]
		case what == 1 && len(members) > 4:
			i := r.IntN(len(members))
			step.Do, step.Node = ChangeGo, members[i]
			members = slices.Delete(members, i, i+1)
		case len(spares) > 0 && !swapped:
			i := r.IntN(len(members))
			step.Do, step.Node, step.To = ChangeSwap, members[i], spares[0]
			members, spares = slices.Delete(members, i, i+1), spares[1:]
			members, swapped = append(members, step.To), true
		default:
			continue
		}
		plan = append(plan, step)
	}
	return plan
}
