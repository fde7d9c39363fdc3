package replication

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/transfer"
	"github.com/hengedb/henge/ring"
)

// moving begins to move what node 3 does not hold to it.
func (c *cluster) moving(more func(next *ring.Document)) {
	c.t.Helper()
	to := c.nodes[3]
	_, err := c.nodes[0].agent.Propose(c.t.Context(), func(d *ring.Document) (*ring.Document, error) {
		next := d.Clone()
		next.Version++
		next.Change = &ring.Change{Applied: next.Version}
		for p := range next.Layout {
			if e := &next.Layout[p]; !e.Takes(to.self) {
				e.Next, e.Phase, e.Changed = []ring.NodeID{e.Serving[0], e.Serving[1], to.self}, ring.PhaseWait, next.Version
			}
		}
		more(next)
		return next.Seal()
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// progress is what a node tells of a change, with its nodes by name.
func (c *cluster) progress(n *testNode) (request.ChangeStatus, map[string]request.ChangeNode) {
	c.t.Helper()
	l := n.LayoutProgress(c.t.Context())
	if l.Change == nil {
		c.t.Fatal("no change is in flight")
	}
	nodes := map[string]request.ChangeNode{}
	for _, node := range l.Change.Nodes {
		nodes[node.Name] = node
	}
	return *l.Change, nodes
}

// says reports whether one of the sentences has all the words.
func says(sentences []string, words ...string) bool {
	return slices.ContainsFunc(sentences, func(s string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(s, w) })
	})
}

func TestProgressIsAskedOfEveryMember(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		for i := range 200 {
			c.nodes[i%4].mustPut(t, fmt.Sprintf("key-%d", i), strings.Repeat("v", 1000), request.WriteOptions{})
		}
		c.moving(func(next *ring.Document) { next.Change.Paused = true })
		gains := 0
		for _, e := range c.nodes[0].agent.Document().Layout {
			if e.Phase == ring.PhaseWait {
				gains++
			}
		}
		time.Sleep(time.Second)
		change, nodes := c.progress(c.nodes[1])
		if n := nodes["n3"]; n.Partitions != gains || n.Done != 0 || n.Moved != 0 || gains == 0 {
			t.Errorf("nothing is taken of %d partitions: %+v", gains, n)
		}
		if !says(change.Waiting, "paused", "resume") || len(change.Waiting) != 1 {
			t.Errorf("a paused change waits for %q", change.Waiting)
		}
		if plain := c.nodes[1].Layout().Change; len(plain.Nodes) != 0 || len(plain.Waiting) != 0 {
			t.Errorf("nobody is asked for the layout alone: %+v", plain)
		}
		given := 0
		for name, n := range nodes {
			if name != "n3" {
				given += n.Holds
			}
		}
		if given != gains {
			t.Errorf("%d partitions are to be handed over, of %d", given, gains)
		}
		c.nodes[3].governor.SetBudget(256 << 10) // slowly enough to be looked at
		if err := c.nodes[0].ResumeChange(t.Context()); err != nil {
			t.Fatal(err)
		}
		taken, seen := false, []request.ChangeNode(nil)
		for range 2000 {
			time.Sleep(5 * time.Millisecond)
			l := c.nodes[1].LayoutProgress(t.Context())
			if l.Change == nil {
				break
			}
			i := slices.IndexFunc(l.Change.Nodes, func(n request.ChangeNode) bool { return n.Name == "n3" })
			if i < 0 {
				t.Fatalf("n3 has no part in %+v", l.Change)
			}
			n := l.Change.Nodes[i]
			seen = append(seen, n)
			taken = taken || n.Partitions == gains && n.Moved > int64(gains)*5000 && n.Bytes >= n.Moved && n.Rate > 0
		}
		if !taken {
			t.Errorf("never was n3 seen with all bytes taken, at a rate: %+v", seen)
		}
	})
}

func TestAChangeTellsWhatItWaitsFor(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		c.moving(func(*ring.Document) {})
		c.cut(c.nodes[0], c.nodes[1:]...)
		c.progress(c.nodes[0]) // the first look, or the driver's
		time.Sleep(10 * time.Second)
		change, nodes := c.progress(c.nodes[0])
		if !says(change.Waiting, "majority of voters: 1 of 4 answer") || !nodes["n3"].Silent || nodes["n0"].Silent {
			t.Errorf("alone, it waits for %q; nodes %+v", change.Waiting, nodes)
		}
		if !says(change.Waiting, "n3 has not answered for 1", "the change waits for it") {
			t.Errorf("the newcomer is silent: %q", change.Waiting)
		}
		time.Sleep(time.Minute)
		if change, _ = c.progress(c.nodes[0]); !says(change.Waiting, "n3", "waits for it: if it is gone for ever, henge layout amend n3") {
			t.Errorf("the newcomer is silent for long: %q", change.Waiting)
		}
		c.mend(c.nodes[0], c.nodes[1:]...)
		time.Sleep(time.Minute) // they are probed, and found
		for _, n := range c.nodes {
			n.LayoutProgress(t.Context()) // no gossip tells who has not heard of it
		}
		time.Sleep(time.Minute)
		if l := c.nodes[1].LayoutProgress(t.Context()); l.Change != nil {
			t.Errorf("after a minute: %+v", l.Change)
		}
	})
}

// viewOf is a view of four nodes, named by what they are here.
func viewOf(doc *ring.Document, reports map[ring.NodeID]*transfer.Report, n *testNode) *changeView {
	return &changeView{c: n.Coordinator, doc: doc, parts: partsOf(doc), reports: reports}
}

func TestWhatHoldsANodeUpIsToldInWords(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		doc := c.nodes[0].agent.Document().Clone()
		doc.Change = &ring.Change{Applied: 1}
		a, b, d := doc.Members[0].ID, doc.Members[1].ID, doc.Members[2].ID
		leaver := doc.Members[1].Name
		doc.Members[1].Going = ring.Leaves
		full := func() map[ring.NodeID]*transfer.Report {
			return map[ring.NodeID]*transfer.Report{a: {}, b: {}, d: {}}
		}
		for name, tc := range map[string]struct {
			change func(map[ring.NodeID]*transfer.Report)
			want   []string
		}{
			"nothing": {func(map[ring.NodeID]*transfer.Report) {}, nil},
			"hints": {func(r map[ring.NodeID]*transfer.Report) { r[b].Hints, r[b].Leftovers = 5, 1 },
				[]string{leaver + " is let go once it has handed over 5 hints and 1 object"}},
			"a full disk": {func(r map[ring.NodeID]*transfer.Report) {
				r[b].Space = transfer.Space{Known: true, Free: 1 << 30, Mark: 2 << 30, Low: true}
			}, []string{leaver + " is short of room on its disk: 1.0 GiB are free, the mark is at 2.0 GiB"}},
			"an error": {func(r map[ring.NodeID]*transfer.Report) { r[b].Error = "from n9: refused" },
				[]string{leaver + " tries again: from n9: refused"}},
			"no decision": {func(r map[ring.NodeID]*transfer.Report) { r[a].Undecided = strings.Repeat("x", 400) },
				[]string{"the last step was not decided: " + strings.Repeat("x", reasonMost) + "..."}},
			"an old worry of another": {func(r map[ring.NodeID]*transfer.Report) { r[b].Undecided = "long ago" }, nil},
			"silence": {func(r map[ring.NodeID]*transfer.Report) { delete(r, b) },
				[]string{leaver + " did not answer within a second, and the change waits for it"}},
		} {
			reports := full()
			tc.change(reports)
			if got := viewOf(doc, reports, c.nodes[0]).waiting(); !slices.Equal(got, tc.want) {
				t.Errorf("%s: %q, want %q", name, got, tc.want)
			}
		}
		doc.Layout[0].Phase, doc.Layout[1].Phase, doc.Layout[1].Former = ring.PhaseCopy, ring.PhaseSwitch, doc.Layout[1].Serving
		doc.Layout[3].Phase, doc.Layout[3].Next = ring.PhaseBack, doc.Layout[3].Serving
		reports := full()
		reports[b].Hints = 5
		doc.Layout[2].Phase, doc.Layout[2].Changed, doc.Layout[2].Former, doc.Layout[2].Serving = ring.PhaseDrop, 2, []ring.NodeID{b}, []ring.NodeID{a, d}
		if got := viewOf(doc, reports, c.nodes[0]).waiting(); len(got) > 0 {
			t.Errorf("a node that has partitions to hand over: %q", got)
		}
		delete(reports, a)
		delete(reports, d)
		if got := viewOf(doc, reports, c.nodes[0]).waiting(); !says(got, "majority of the old replicas of 3 partitions") {
			t.Errorf("two of three replicas are silent: %q", got)
		}
	})
}

func TestANodesPartIsCountedFromTheDocumentAndItsWord(t *testing.T) {
	old, fresh := ring.Member{ID: 1, Name: "old"}, ring.Member{ID: 2, Name: "fresh"}
	doc := &ring.Document{
		Voters: []ring.NodeID{1}, Change: &ring.Change{Applied: 5},
		Layout: []ring.Entry{
			{Changed: 4, Serving: []ring.NodeID{1}},
			{Changed: 5, Phase: ring.PhaseWait, Serving: []ring.NodeID{1}, Next: []ring.NodeID{2}},
			{Changed: 6, Phase: ring.PhaseCopy, Serving: []ring.NodeID{1}, Next: []ring.NodeID{2}},
			{Changed: 7, Phase: ring.PhaseDrop, Serving: []ring.NodeID{2}, Former: []ring.NodeID{1}},
			{Changed: 8, Serving: []ring.NodeID{2}},
		},
	}
	fetched := &transfer.Report{Progress: transfer.Progress{Begun: 1, Fetched: 300, Expected: 50, RateIn: 25}}
	for name, tc := range map[string]struct {
		of      ring.Member
		report  *transfer.Report
		typical int64
		want    request.ChangeNode
	}{
		"a newcomer":                             {fresh, fetched, 100, request.ChangeNode{Partitions: 4, Done: 2, Bytes: 450, Moved: 300, Rate: 25, Left: 6 * time.Second}},
		"a newcomer, of sizes that nobody knows": {fresh, fetched, 0, request.ChangeNode{Partitions: 4, Done: 2, Moved: 300, Rate: 25}},
		"one that gives": {old, &transfer.Report{Progress: transfer.Progress{Handed: 1, Sent: 300, RateOut: 9}}, 100,
			request.ChangeNode{Partitions: 4, Done: 1, Sent: 300, Rate: 9, Holds: 3}},
		"a member that took some": {old, &transfer.Report{Progress: transfer.Progress{Taken: 1, Fetched: 300}}, 100,
			request.ChangeNode{Partitions: 4, Done: 1, Bytes: 300, Moved: 300, Holds: 3}},
	} {
		v := &changeView{doc: doc, parts: partsOf(doc), typical: tc.typical, reports: map[ring.NodeID]*transfer.Report{tc.of.ID: tc.report}}
		tc.want.ID, tc.want.Name = tc.of.ID, tc.of.Name
		if diff := cmp.Diff(tc.want, v.node(tc.of)); diff != "" {
			t.Errorf("%s (-want +told):\n%s", name, diff)
		}
	}
	doc.Layout[2].Phase, doc.Change.Reverting = ring.PhaseBack, true // who served meanwhile hands back
	if got := partsOf(doc); got[2] != (part{take: 1, give: 1, serves: 2}) || got[1] != (part{give: 2}) {
		t.Errorf("a change that goes back: %+v", got)
	}
}

func TestANodeThatLeftMayBeSwitchedOff(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		if err := n.Stage(t.Context(), []request.LayoutStep{{Verb: ring.VerbRemove, Node: "n3"}}); err != nil {
			t.Fatal(err)
		}
		plan, err := n.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Apply(t.Context(), plan.Hash); err != nil {
			t.Fatal(err)
		}
		if l := n.Layout(); l.Change == nil || len(l.Left) > 0 {
			t.Errorf("it may be switched off too early: %+v", l)
		}
		time.Sleep(time.Minute)
		if l := n.Layout(); l.Change != nil || !slices.Equal(l.Left, []string{"n3"}) {
			t.Errorf("who may be switched off: %+v, %v", l.Change, l.Left)
		}
	})
}
