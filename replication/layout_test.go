package replication

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// stranger adds a process that is no member to what gossip lists.
func (c *cluster) stranger(id ring.NodeID, name string) {
	peers := append(slices.Clone(c.Peers()), ring.Peer{ID: id, Name: name, Zone: "z", RPC: name + ":1", Nonce: 1})
	c.peers.Store(&peers)
}

func TestAChangeIsStagedPlannedAndApplied(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		ctx, n := t.Context(), c.nodes[0]
		c.stranger(99, "n9")
		if _, err := n.Plan(ctx); !errors.Is(err, request.ErrUnsafe) {
			t.Errorf("a plan of nothing: %v", err)
		}
		step := request.LayoutStep{Verb: ring.VerbReplace, Node: "n2", With: "n9", Weight: 50}
		if err := n.Stage(ctx, []request.LayoutStep{step}); err != nil {
			t.Fatal(err)
		}
		plan, err := n.Plan(ctx)
		if err != nil || plan.Moves != 8 || plan.Partitions != 8 || plan.LowestReplicas != 2 || !plan.Survives || len(plan.Nodes) != 4 {
			t.Fatalf("the plan is %+v, %v", plan, err)
		}
		for _, node := range plan.Nodes {
			switch node.Name {
			case "n2":
				if node.Going != ring.Leaves || node.Before != 8 || node.After != 0 || node.Loses != 8 {
					t.Errorf("who goes: %+v", node)
				}
			case "n9":
				if node.Weight != 50 || node.Zone != "z" || node.Before != 0 || node.Gains != 8 {
					t.Errorf("who comes: %+v", node)
				}
			}
		}
		if err := n.Apply(ctx, "another"); !errors.Is(err, request.ErrStalePlan) {
			t.Errorf("another plan: %v", err)
		}
		if err := n.PauseChange(ctx); !errors.Is(err, request.ErrNoChange) {
			t.Errorf("a pause of nothing: %v", err)
		}
		if err := c.nodes[1].Apply(ctx, plan.Hash); err != nil {
			t.Fatal(err)
		}
		if err := c.nodes[1].Apply(ctx, plan.Hash); !errors.Is(err, request.ErrChanging) {
			t.Errorf("a second change: %v", err)
		}
		if err := n.PauseChange(ctx); err != nil {
			t.Error(err)
		}
		if l := n.Layout(); l.Change == nil || !l.Change.Paused || l.Change.Phases[ring.PhaseWait] != 8 || len(l.Staged) != 0 {
			t.Errorf("the layout tells %+v, staged %+v", l.Change, l.Staged)
		}
		if err := n.ResumeChange(ctx); err != nil || n.Layout().Change.Paused {
			t.Errorf("resume: %v", err)
		}
		if err := n.AmendChange(ctx, "n1", ""); !errors.Is(err, request.ErrUnsafe) || !strings.Contains(err.Error(), "answers") {
			t.Errorf("an amendment without a node that answers: %v", err)
		}
		if err := n.AmendChange(ctx, "n7", ""); !errors.Is(err, request.ErrNoNode) {
			t.Errorf("an amendment without nobody: %v", err)
		}
		if err := n.RevertChange(ctx); err != nil {
			t.Errorf("revert: %v", err)
		}
	})
}

// Each command may reach another node: the second of two steps, staged through one of
// them, is in the plan that another tells, though it has not heard of it yet.
func TestAPlanHasWhatWasStagedElsewhere(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		ctx, n, other := t.Context(), c.nodes[0], c.nodes[1]
		step := func(name string, weight int) []request.LayoutStep {
			return []request.LayoutStep{{Verb: ring.VerbSet, Node: name, Weight: weight}}
		}
		if err := n.Stage(ctx, step("n0", 50)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.cut(n, other)
		c.cut(c.nodes[2], other)
		if err := n.Stage(ctx, step("n2", 50)); err != nil {
			t.Fatal(err)
		}
		c.mend(n, other)
		c.mend(c.nodes[2], other)
		if staged := len(other.agent.Document().Staged); staged != 1 {
			t.Fatalf("%s has heard of %d steps already", other.name, staged)
		}
		if plan, err := other.Plan(ctx); err != nil || len(plan.Steps) != 2 {
			t.Errorf("the plan has %v, %v; want both steps", plan.Steps, err)
		}
	})
}

func TestAStepThatCannotBeIsRefused(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		ctx, n := t.Context(), c.nodes[0]
		c.stranger(98, "twin")
		c.stranger(99, "twin")
		for name, tc := range map[string]struct {
			step request.LayoutStep
			err  error
			says string
		}{
			"no such member":       {request.LayoutStep{Verb: ring.VerbRemove, Node: "n7"}, request.ErrNoNode, "n7"},
			"no such newcomer":     {request.LayoutStep{Verb: ring.VerbAdd, Node: "n7"}, request.ErrNoNode, "has found the cluster"},
			"a member already":     {request.LayoutStep{Verb: ring.VerbAdd, Node: "n1"}, request.ErrUnsafe, "a member already"},
			"two of one name":      {request.LayoutStep{Verb: ring.VerbAdd, Node: "twin"}, request.ErrBadValue, "by its id"},
			"too few for N":        {request.LayoutStep{Verb: ring.VerbRemove, Node: "n1"}, request.ErrUnsafe, "3 replicas"},
			"a verb that is none":  {request.LayoutStep{Verb: "move", Node: "n1"}, request.ErrUnsafe, "want add"},
			"a weight that is not": {request.LayoutStep{Verb: ring.VerbSet, Node: "n1", Weight: 5000}, request.ErrUnsafe, "1 to 1000"},
		} {
			err := n.Stage(ctx, []request.LayoutStep{tc.step})
			if !errors.Is(err, tc.err) || !strings.Contains(err.Error(), tc.says) || request.OutcomeOf(err) != request.None {
				t.Errorf("%s: %v, want %v with %q", name, err, tc.err, tc.says)
			}
		}
		if err := n.Stage(ctx, []request.LayoutStep{{Verb: ring.VerbAdd, Node: ring.NodeID(98).String()}}); err != nil {
			t.Errorf("by its id: %v", err)
		}
		if l := n.Layout(); len(l.Staged) != 1 || l.Staged[0].Node != "twin" {
			t.Errorf("staged %+v", l.Staged)
		}
		if err := n.Unstage(ctx); err != nil || len(n.Layout().Staged) != 0 {
			t.Errorf("unstage: %v", err)
		}
	})
}

// A node whose disk was lost comes back with a new store, and so a new id: it takes the
// place of what it was, which is waited for in vain.
func TestAWipedNodeTakesItsOwnPlace(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		ctx := t.Context()
		lost, left := c.nodes[2], c.nodes[:2]
		old := lost.self
		c.cut(lost, left...)
		for _, n := range left {
			n.health.Failed(old, "it died")
		}
		peers := append(slices.DeleteFunc(slices.Clone(c.Peers()), func(p ring.Peer) bool { return p.ID == old }),
			ring.Peer{ID: 99, Name: "n2", RPC: "n2:1", Nonce: 2}, ring.Peer{ID: 98, Name: "n2", RPC: "elsewhere:1", Nonce: 3})
		c.peers.Store(&peers)
		for _, n := range left {
			alarms := n.Status(ctx).Alarms
			if len(alarms) != 1 || !strings.Contains(alarms[0], "n2 lost its disk") || !strings.Contains(alarms[0], "replace "+old.String()+" "+ring.NodeID(99).String()) {
				t.Errorf("%s says %q", n.host, alarms)
			}
		}
		if err := left[0].TakeIn(ctx, peers); err != nil || left[0].Layout().Change != nil {
			t.Fatalf("taken in though auto-join is off: %v", err)
		}
		c.set(t, func(s *ring.Settings) { s.AutoJoin = true }, left...)
		takeIn := func() {
			for _, n := range left {
				if err := n.TakeIn(ctx, peers[:3]); err != nil {
					t.Fatal(err)
				}
			}
		}
		if takeIn(); left[0].Layout().Change != nil {
			t.Fatal("it was replaced at once: it may live behind a split")
		}
		time.Sleep(6*time.Minute + 300*time.Millisecond) // at no beat of theirs: what is heard then clears a failure
		synctest.Wait()
		c.cut(left[0], left[1]) // or the first probe, which is sent at once, is answered before they are asked
		left[1].health.Failed(left[0].self, "it died too")
		left[0].health.Failed(left[1].self, "it died too")
		if takeIn(); left[0].Layout().Change != nil || left[1].Layout().Change != nil {
			t.Fatal("it was replaced though no majority of its replicas is left")
		}
		c.mend(left[0], left[1])
		time.Sleep(time.Minute) // they find each other
		takeIn()
		time.Sleep(time.Second) // the other one is told
		d := left[0].agent.Document()
		if d.Change == nil || len(d.Change.Steps) != 1 || d.Change.Steps[0].Verb != ring.VerbReplace || d.Change.Steps[0].Node != old ||
			d.Change.Steps[0].Member.ID != 99 || !d.IsExpelled(old) {
			t.Errorf("the change is %+v, want node 99 in the place of %s", d.Change, old)
		}
	})
}

// A new store at a member's place is never a newcomer beside it, though the member's death
// is no news yet: the layout would wait for the member for ever.
func TestANewStoreIsNoNewcomerBesideWhatItsNodeWas(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		c.set(t, func(s *ring.Settings) { s.AutoJoin = true }, c.nodes...)
		lost := slices.MaxFunc(c.Peers(), func(a, b ring.Peer) int { return cmp.Compare(a.ID, b.ID) }) // another one takes in
		fresh := ring.Peer{ID: lost.ID - 1, Name: lost.Name, RPC: lost.RPC, Nonce: 2}
		for _, n := range c.nodes {
			if n.self == lost.ID {
				continue
			}
			if !n.health.Up(lost.ID) {
				t.Fatalf("%s knows of a death that did not happen", n.host)
			}
			if err := n.TakeIn(t.Context(), []ring.Peer{fresh}); err != nil || n.Layout().Change != nil {
				t.Errorf("%s took it in: %v, %+v", n.host, err, n.Layout().Change)
			}
		}
	})
}
