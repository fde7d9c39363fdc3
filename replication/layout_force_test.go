package replication

import (
	"errors"
	"testing"
	"time"

	"github.com/hengedb/henge/replication/request"
)

func TestALostMajorityIsForced(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		ctx, n := t.Context(), c.nodes[0]
		id, lost := n.agent.Document().Cluster, []string{c.nodes[1].name, c.nodes[2].name}
		if err := n.ForceLayout(ctx, lost, id); !errors.Is(err, request.ErrUnsafe) {
			t.Errorf("while all answer: %v", err)
		}
		c.cut(n, c.nodes[1:]...)
		if err := n.ForceLayout(ctx, lost, "another"); !errors.Is(err, request.ErrBadValue) {
			t.Errorf("with another cluster's id: %v", err)
		}
		if err := n.ForceLayout(ctx, []string{"n9"}, id); !errors.Is(err, request.ErrNoNode) {
			t.Errorf("with a name that is nobody's: %v", err)
		}
		if s := n.Status(ctx); s.Forced != nil || s.Document.Era.Number != 0 {
			t.Fatalf("refusals left %+v, %s", s.Forced, s.Document)
		}
		if err := n.ForceLayout(ctx, lost, id); err != nil {
			t.Fatal(err)
		}
		forced := n.Status(ctx)
		if forced.Forced == nil || forced.Forced.By != n.self || len(forced.Forced.Lost) != 2 || forced.Document.Era.Number != 1 {
			t.Fatalf("status tells %+v, %s", forced.Forced, forced.Document)
		}
		if err := n.ForceLayout(ctx, lost, id); err != nil || n.Status(ctx).Document != forced.Document {
			t.Errorf("sent again: %v, %s after %s", err, n.Status(ctx).Document, forced.Document)
		}
		if err := n.Stage(ctx, []request.LayoutStep{{Verb: "set", Node: n.name, Weight: 50}}); err != nil {
			t.Errorf("it cannot decide alone: %v", err)
		}
		theirs := c.nodes[1]
		if err := theirs.Stage(ctx, []request.LayoutStep{{Verb: "set", Node: theirs.name, Weight: 50}}); err != nil {
			t.Fatal(err)
		}
		gone := theirs.agent.Document().Name().String()
		time.Sleep(5 * time.Second)
		c.mend(n, c.nodes[1:]...)
		if err := theirs.agent.Pull(ctx, n.self); err != nil {
			t.Fatal(err)
		}
		if s := theirs.Status(ctx); s.Document != n.Status(ctx).Document || len(s.Aside) != 1 || s.Aside[0] != gone {
			t.Errorf("the other side holds %s and set aside %v, not %s", s.Document, s.Aside, gone)
		}
	})
}
