package output

import (
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

func steps() []request.LayoutStep {
	zone := "z 4"
	return []request.LayoutStep{
		{Verb: ring.VerbAdd, Node: "n4", Weight: 50, Zone: &zone}, {Verb: ring.VerbReplace, Node: "n1", With: "n5", Expel: true},
	}
}

func plan() request.Plan {
	return request.Plan{
		Hash: "5f2c", Document: ring.Name{Version: 3}, Steps: steps(), Partitions: 60, Moves: 64, Bytes: 3 << 30, Time: 95*time.Second + 1,
		Before: request.Balance{}, After: request.Balance{Low: -0.5, High: 0.25}, LowestReplicas: 2, LowestZones: 2,
		Warnings: []string{"n1 was last known to keep 3 hints"}, Refusals: []string{"n4 lacks 2.1 GiB"},
		Nodes: []request.PlanNode{
			{ID: 1, Name: "n1", Zone: "z1", Weight: 100, Going: ring.Expelled, Before: 64, Loses: 64},
			{ID: 2, Name: "n2", Weight: 100, Before: 64, After: 60, Loses: 4, BytesOut: 200, Free: 5 << 40},
			{ID: 3, Name: "n3", Weight: 100, Going: ring.Leaves, Before: 4, Loses: 4, BytesOut: 1536},
			{ID: 4, Name: "n4", Zone: "z 4", Weight: 50, After: 32, Gains: 32, BytesIn: 3 << 30, Free: 1 << 30},
		},
	}
}

func layout() request.Layout {
	return request.Layout{
		Document: ring.Name{Version: 3}, Partitions: 2, Replicas: [][]int{{0, 1}, {1, 7}}, Staged: steps()[:1], Left: []string{"n0"},
		Nodes: []request.LayoutNode{{ID: 1, Name: "n1", HTTP: "127.0.0.1:7420", Up: true}, {ID: 2, Name: "n2"}},
		Change: &request.ChangeStatus{
			Applied: 2, Steps: steps()[1:], Paused: true, Partitions: 2, Phases: map[ring.Phase]int{ring.PhaseSteady: 1, ring.PhaseCopy: 1},
			Nodes: []request.ChangeNode{
				{ID: 1, Name: "n1", Going: ring.Leaves, Partitions: 2, Done: 1, Holds: 1, Leftovers: 7, Sent: 300},
				{ID: 2, Name: "n2", Going: ring.Leaves, Silent: true, Partitions: 2},
				{ID: 3, Name: "n3", Going: ring.Leaves, Partitions: 2, Done: 2},
				{ID: 5, Name: "n5", Partitions: 2, Done: 1, Bytes: 2048, Moved: 1024, Rate: 512, Left: 2 * time.Second},
			},
			Waiting: []string{"n2 has not answered for 9s, and the change waits for it"},
		},
	}
}
