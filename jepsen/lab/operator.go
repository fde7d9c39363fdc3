package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// An operator changes the layout as a person would: one change at a time, tried again
// until it is taken, and followed until it is complete.

// changeWithin bounds how long a change may take once all faults have ended.
const changeWithin = 15 * time.Minute

// operateEvery is how often the operator looks and tries.
const operateEvery = 2 * time.Second

// How long the operator looks on while a member that died for ever holds up a change: a
// newcomer is first left to the voters, where that is the twist.
const (
	amendAfter  = 20 * time.Second
	silentAfter = 6 * time.Minute
)

// operate makes one change, unless an earlier one came out so that it cannot be, and
// waits until it is complete, or the lab closes. Who died for ever and is a member still
// is removed then.
func (l *Lab) operate(s Step) {
	ctx := l.life
	node, spare := l.Node(s.Node), l.Node(s.To)
	if s.Do == ChangeAdd {
		node, spare = nil, node
	}
	if s.Do == ChangeSwap && node.isMember() {
		node.lose()
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return
	}
	if !l.fits(s) {
		l.Sometimes.Saw("a layout change did not fit what came of another")
		l.followed(ctx, amendAfter)
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
	patience := amendAfter
	if s.Twist == TwistSilent {
		patience = silentAfter
	}
	if l.insist(ctx, stepOf(s)) && l.twist(ctx, s) && l.followed(ctx, patience) {
		l.Sometimes.Saw("a layout change completed: " + string(s.Do))
	}
}

// fits reports whether a change can be made with the members there are.
func (l *Lab) fits(s Step) bool {
	node := l.Node(s.Node)
	switch s.Do { //nolint:exhaustive // the others change nothing
	case ChangeAdd:
		return !node.isMember() && !node.isLost()
	case ChangeGo:
		return node.isMember() && len(l.Members()) > 4
	default: // of a swap the node is lost by now
		to := l.Node(s.To)
		return node.isLost() && l.lists(node) && !to.isMember() && !to.isLost()
	}
}

// stepOf is what an operator stages for a change.
func stepOf(s Step) henge.LayoutStep {
	step := henge.LayoutStep{Verb: ring.VerbAdd, Node: s.Node}
	switch s.Do { //nolint:exhaustive // the others change nothing
	case ChangeGo:
		step.Verb = ring.VerbRemove
	case ChangeSwap:
		step.Verb, step.With, step.Expel = ring.VerbReplace, s.To, true
	}
	return step
}

// followed waits until the change is complete, amends it where one that died for ever
// holds it up for too long, and has those stop that are members no more, and those
// removed that died for ever. False is the end of the lab.
func (l *Lab) followed(ctx context.Context, patience time.Duration) bool {
	for began := time.Now(); !l.changed(); {
		if !sleep(ctx, operateEvery) {
			return false
		}
		if time.Since(began) > patience {
			l.amendLost(ctx)
		}
	}
	var lost *Node
	for _, n := range l.nodes {
		member := l.lists(n)
		switch {
		case n.isLost():
			if member {
				lost = n
			}
		case !member && n.isMember():
			n.setPart(false, true)
			n.stop()
		case member:
			n.setPart(true, false)
		}
	}
	if lost == nil {
		return true
	}
	l.Sometimes.Saw("a node that died for ever was removed later")
	return l.insist(ctx, henge.LayoutStep{Verb: ring.VerbRemove, Node: lost.name, Expel: true}) && l.followed(ctx, amendAfter)
}

// amendLost has whichever member can amend the change in flight without those that died
// for ever.
func (l *Lab) amendLost(ctx context.Context) {
	for _, dead := range l.nodes {
		for _, n := range l.Members() {
			if p := n.Process(); p != nil && dead.isLost() && l.lists(dead) && l.amend(ctx, p, dead) == nil {
				break
			}
		}
	}
}

func (l *Lab) amend(ctx context.Context, p *henge.Node, dead *Node) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err := p.AmendChange(ctx, dead.name, "")
	l.Sometimes.SawIf(err == nil, "a change was amended")
	return err
}

// lists reports whether the document that the members hold lists a node. All of them
// hold the same one.
func (l *Lab) lists(n *Node) bool {
	for _, m := range l.Members() {
		if p := m.Process(); p != nil {
			return slices.ContainsFunc(p.Layout().Nodes, func(node request.LayoutNode) bool { return node.Name == n.name })
		}
	}
	return n.isMember() // nobody can say
}

// insist stages and applies a change through whichever member takes it.
func (l *Lab) insist(ctx context.Context, step henge.LayoutStep) bool {
	return l.through(ctx, func(ctx context.Context, p *henge.Node) bool { return l.apply(ctx, p, step) == nil })
}

// through tries one thing at one member after the other until it is done. False is the
// end of the lab.
func (l *Lab) through(ctx context.Context, do func(context.Context, *henge.Node) bool) bool {
	for try := 0; ; try++ {
		for i := range l.nodes {
			n := l.nodes[(i+try)%len(l.nodes)]
			if p := n.Process(); p != nil && n.Serving() && do(ctx, p) {
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
		return fmt.Errorf("a layout change is not complete: %w: %s", ctx.Err(), l.unsettled())
	}
	for !l.changed() {
		if !sleep(ctx, operateEvery) {
			return fmt.Errorf("members do not hold one document without a change: %w: %s", ctx.Err(), l.unsettled())
		}
	}
	return nil
}

// unsettled tells which document each member holds, and what its change waits for.
func (l *Lab) unsettled() string {
	var lines []string
	for _, n := range l.Members() {
		p := n.Process()
		if p == nil {
			lines = append(lines, n.name+" is dead")
			continue
		}
		ctx, cancel := context.WithTimeout(l.life, 10*time.Second)
		layout := p.LayoutProgress(ctx)
		cancel()
		line := fmt.Sprintf("%s holds %v", n.name, layout.Document)
		if layout.Change != nil {
			line += fmt.Sprintf(", in a change that waits for %q", layout.Change.Waiting)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}
