package replication

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/transfer"
	"github.com/hengedb/henge/ring"
)

func TestAPlanThatWouldFillADiskIsRefused(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		ctx, n := t.Context(), c.nodes[0]
		if err := n.Stage(ctx, []request.LayoutStep{{Verb: ring.VerbRemove, Node: "n3"}}); err != nil {
			t.Fatal(err)
		}
		plan, err := n.Plan(ctx)
		if err != nil || len(plan.Refusals) > 0 || says(plan.Warnings, "room") {
			t.Fatalf("with room on all disks: %+v, %v", plan, err)
		}
		for _, node := range plan.Nodes {
			if node.Free != 1<<40 || node.Mark != diskMark {
				t.Errorf("the room of %s: %d, its mark %d", node.Name, node.Free, node.Mark)
			}
		}
		c.nodes[1].free.Store(diskMark - 1<<20) // n1 takes partitions over
		time.Sleep(2 * time.Second)
		if plan, err = n.Plan(ctx); err != nil || !says(plan.Refusals, "n1 lacks 1.0 MiB", "below 1.0 GiB") {
			t.Errorf("with a full disk: %q, %v", plan.Refusals, err)
		}
		if err := n.Apply(ctx, plan.Hash); !errors.Is(err, request.ErrUnsafe) || !strings.Contains(err.Error(), "n1 lacks 1.0 MiB") {
			t.Errorf("applied: %v", err)
		}
		c.cut(n, c.nodes[1])
		if plan, err = n.Plan(ctx); err != nil || len(plan.Refusals) > 0 || !says(plan.Warnings, "n1 does not answer", "room") {
			t.Errorf("what is not known is no reason to refuse: %q, %q, %v", plan.Refusals, plan.Warnings, err)
		}
		if err := n.Apply(ctx, plan.Hash); err != nil {
			t.Errorf("apply: %v", err)
		}
	})
}

func TestRoomIsMeasuredAgainstWhatANodeTakesIn(t *testing.T) {
	for name, tc := range map[string]struct {
		node  request.PlanNode
		space *transfer.Report
		want  string
	}{
		"enough":               {request.PlanNode{Gains: 1, BytesIn: 50}, room(150, 100), ""},
		"a byte too little":    {request.PlanNode{Gains: 1, BytesIn: 50}, room(149, 100), "n lacks 1 B: it would take in about 50 B, has 149 B free, and refuses puts below 100 B"},
		"it takes in nothing":  {request.PlanNode{Loses: 1, BytesOut: 50}, room(10, 100), ""},
		"it cannot tell":       {request.PlanNode{Gains: 1, BytesIn: 50}, &transfer.Report{}, ""},
		"it does not answer":   {request.PlanNode{Gains: 1, BytesIn: 50}, nil, ""},
		"low, of unknown size": {request.PlanNode{Gains: 1}, room(99, 100), "n lacks 1 B: it would take in about 0 B, has 99 B free, and refuses puts below 100 B"},
	} {
		tc.node.ID, tc.node.Name = 1, "n"
		p := planning{reports: map[ring.NodeID]*transfer.Report{1: tc.space}}
		if got := p.room(&tc.node); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func room(free, mark int64) *transfer.Report {
	return &transfer.Report{Space: transfer.Space{Known: true, Free: free, Mark: mark}}
}
