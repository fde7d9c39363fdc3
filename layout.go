package henge

import (
	"context"

	"github.com/hengedb/henge/replication/request"
)

// LayoutStep is one part of a layout change: a node is added, removed, replaced or set.
type LayoutStep = request.LayoutStep

// Layout is who holds what, what is staged, and the change in flight.
type Layout = request.Layout

// Plan is what the staged steps would do.
type Plan = request.Plan

// VerifyOptions say which part of a partition is compared.
type VerifyOptions = request.VerifyOptions

// Verification is what comparing a part of a partition found.
type Verification = request.Verification

// Layout tells who holds what. It is zero while the node holds no document.
func (n *Node) Layout() Layout { return n.keys.Layout() }

// LayoutProgress is Layout and, where a change is in flight, how far each member is and
// what the change waits for. It asks all members, a second at most.
func (n *Node) LayoutProgress(ctx context.Context) Layout { return n.keys.LayoutProgress(ctx) }

// Stage adds steps of a layout change to those that are staged. Nothing changes before
// Apply.
func (n *Node) Stage(ctx context.Context, steps ...LayoutStep) error { return n.keys.Stage(ctx, steps) }

// Unstage forgets all staged steps.
func (n *Node) Unstage(ctx context.Context) error { return n.keys.Unstage(ctx) }

// Plan tells what the staged steps would do.
func (n *Node) Plan(ctx context.Context) (Plan, error) { return n.keys.Plan(ctx) }

// Apply begins the change that the plan of this hash told, and does not wait for its
// end: Layout tells how far it is.
func (n *Node) Apply(ctx context.Context, hash string) error { return n.keys.Apply(ctx, hash) }

// PauseChange stops the change in flight where it is.
func (n *Node) PauseChange(ctx context.Context) error { return n.keys.PauseChange(ctx) }

// ResumeChange lets a paused change go on.
func (n *Node) ResumeChange(ctx context.Context) error { return n.keys.ResumeChange(ctx) }

// ForceLayout gives up a majority of the voters that is lost for ever, named by ids or
// names; yes is the cluster's id. What the lost decided since is not in force any more.
func (n *Node) ForceLayout(ctx context.Context, lost []string, yes string) error {
	return n.keys.ForceLayout(ctx, lost, yes)
}

// AmendChange has the change in flight go on without a member that died for ever; with,
// unless it is empty, is a newcomer in its place.
func (n *Node) AmendChange(ctx context.Context, gone, with string) error {
	return n.keys.AmendChange(ctx, gone, with)
}

// RevertChange has the change in flight go back, as far as it can.
func (n *Node) RevertChange(ctx context.Context) error { return n.keys.RevertChange(ctx) }
