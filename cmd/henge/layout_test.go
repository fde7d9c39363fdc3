package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// changing is a node that a layout change can be asked of.
type changing struct {
	mu     sync.Mutex // guards what follows
	asked  []string   // method, path and body
	looks  int        // that still find a change in flight
	refuse error      // of what would change anything
	full   []string   // why the plan cannot be
}

func (c *changing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodGet {
		c.asked = append(c.asked, strings.TrimSpace(r.Method+" "+strings.TrimPrefix(r.URL.Path, "/v1/cluster/layout")+" "+string(body)))
		if c.refuse != nil {
			problem.Write(w, problem.Of(c.refuse))
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var document any
	switch {
	case strings.HasSuffix(r.URL.Path, "/plan"):
		document = request.Plan{Hash: "h1", Moves: 7, LowestReplicas: 2, Steps: replacing(), Refusals: c.full, Nodes: []request.PlanNode{
			{ID: 1, Name: "n1", Before: 8, Loses: 8, Going: ring.Leaves}, {ID: 4, Name: "n4", After: 8, Gains: 8},
		}}
	case strings.HasSuffix(r.URL.Path, "/layout"):
		layout := request.Layout{Document: ring.Name{Version: 17}, Partitions: 8, Nodes: []request.LayoutNode{{ID: 4, Name: "n4"}}}
		if c.looks > 0 {
			c.looks--
			layout.Change = &request.ChangeStatus{Applied: 9, Steps: replacing(), Partitions: 8, Phases: map[ring.Phase]int{ring.PhaseCopy: 3, ring.PhaseSteady: 5}}
		}
		if layout.Change != nil && r.URL.RawQuery == "progress=true" {
			layout.Change.Waiting = []string{"waiting for a majority of voters: 1 of 3 answer"}
			layout.Change.Nodes = []request.ChangeNode{
				{ID: 1, Name: "n1", Going: ring.Leaves, Partitions: 8, Done: 5, Holds: 3, Hints: 2, Sent: 4096},
				{ID: 4, Name: "n4", Partitions: 8, Done: 5, Bytes: 8192, Moved: 4096, Rate: 1024, Left: 4 * time.Second},
			}
		}
		document = layout
	default:
		document = request.Status{Cluster: "c1", Members: []request.MemberStatus{{Name: "n1"}, {Name: "n4"}}}
	}
	if err := json.NewEncoder(w).Encode(document); err != nil {
		panic(err)
	}
}

// replacing are the steps of the change.
func replacing() []request.LayoutStep {
	return []request.LayoutStep{{Verb: ring.VerbReplace, Node: "n1", With: "n4"}}
}

// change serves one.
func change(t *testing.T, c *changing) shell {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return shell{t: t, url: server.URL}
}

func TestLayoutCommandsAskForWhatTheySay(t *testing.T) {
	for line, want := range map[string]string{
		"stage add n4 --weight 50 --zone z4": `POST /stage {"steps":[{"verb":"add","node":"n4","weight":50,"zone":"z4"}]}`,
		"stage remove n1 --expel":            `POST /stage {"steps":[{"verb":"remove","node":"n1","expel":true}]}`,
		"stage replace n1 n5":                `POST /stage {"steps":[{"verb":"replace","node":"n1","with":"n5"}]}`,
		"stage set n2 --zone=":               `POST /stage {"steps":[{"verb":"set","node":"n2","zone":""}]}`,
		"unstage":                            `DELETE /stage`,
		"apply --yes":                        `POST /apply {"plan":"h1"}`,
		"apply --plan h0 --yes":              `POST /apply {"plan":"h0"}`,
		"pause":                              `POST /pause`,
		"resume":                             `POST /resume`,
		"revert":                             `POST /revert`,
		"force --lost n2,n3 --yes-i-lost c1": `POST /force {"lost":["n2","n3"],"yes":"c1"}`,
	} {
		t.Run(line, func(t *testing.T) {
			c := &changing{}
			s := change(t, c)
			s.sh(exit.OK, append([]string{"layout"}, strings.Fields(line)...)...)
			if got := strings.Join(c.asked, "\n"); got != want {
				t.Errorf("asked\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestApplyAsksBeforeItBegins(t *testing.T) {
	for answer, begun := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "": false} {
		c := &changing{}
		r := change(t, c).with(answer, "layout", "apply")
		if (len(c.asked) == 1) != begun || (r.code == exit.OK) != begun {
			t.Errorf("after %q: exit code %d, asked %v; %s", answer, r.code, c.asked, r.err)
		}
		want(t, "what is asked", r.out+r.err, "plan h1", "7 partition replicas", "[y/N]")
	}
}

// A plan that cannot be is not asked about.
func TestAPlanThatIsRefusedIsNotApplied(t *testing.T) {
	c := &changing{full: []string{"n4 lacks 2.1 GiB"}}
	s := change(t, c)
	r := s.with("y\n", "layout", "apply")
	if r.code != exit.Conflict || len(c.asked) > 0 || strings.Contains(r.err, "[y/N]") {
		t.Errorf("exit code %d, asked %v: %s", r.code, c.asked, r.err)
	}
	want(t, "the plan", r.out+r.err, "REFUSED: n4 lacks 2.1 GiB", "promised")
	s.sh(exit.Conflict, "layout", "apply", "--yes", "--output", "json")
}

func TestForceAsksForTheCluster(t *testing.T) {
	for answer, forced := range map[string]bool{"c1\n": true, " c1": true, "y\n": false, "c2\n": false, "\n": false, "": false} {
		c := &changing{}
		r := change(t, c).with(answer, "layout", "force", "--lost", "n2,n3")
		if (len(c.asked) == 1) != forced || (r.code == exit.OK) != forced {
			t.Errorf("after %q: exit code %d, asked %v; %s", answer, r.code, c.asked, r.err)
		}
		want(t, "what is asked", r.err, "risks data", "set aside", "n2, n3", "c1")
	}
}

func TestWaitingEndsWithWhatIsSo(t *testing.T) {
	for _, line := range []string{"apply --yes --wait", "wait"} {
		r := change(t, &changing{looks: 3}).sh(exit.OK, append([]string{"layout"}, strings.Fields(line)...)...)
		want(t, "the end of "+line, r.out, "complete: document 17; n1 may be switched off, n4 is in use")
		want(t, "on the way", r.err, "5 of 8 partitions done, 3 in copy", "1 of 3 answer",
			"n4: 5 of 8 partitions, 4.0 KiB of about 8.0 KiB, 1.0 KiB/s, about 4s left", "n1: 5 of 8 partitions, 4.0 KiB sent")
	}
	s := change(t, &changing{})
	want(t, "nothing to wait for", s.sh(exit.OK, "layout", "wait").out, "no change is in flight")
	var l request.Layout
	if s.json(&l, "layout", "wait"); l.Document.Version != 17 {
		t.Errorf("the layout reads %+v", l)
	}
}

func TestTheEndOfAChangeTellsWhatBecameOfItsSteps(t *testing.T) {
	l := request.Layout{Document: ring.Name{Version: 3}, Nodes: []request.LayoutNode{{ID: 1, Name: "n1"}, {ID: 2, Name: "n2"}}}
	for want, step := range map[string]request.LayoutStep{
		"n2 is in use":                     {Verb: ring.VerbAdd, Node: "n2"},
		"n5 was not taken in":              {Verb: ring.VerbAdd, Node: "n5"},
		"n5 may be switched off":           {Verb: ring.VerbRemove, Node: "n5"},
		"n5 is refused for ever":           {Verb: ring.VerbRemove, Node: "n5", Expel: true},
		"n1 is a member still":             {Verb: ring.VerbRemove, Node: "n1"},
		"n5 may be switched off, n2 is in": {Verb: ring.VerbReplace, Node: "n5", With: "n2"},
	} {
		if got := completed(l, []request.LayoutStep{step}); !strings.Contains(got, want) {
			t.Errorf("%+v: %q, want %q", step, got, want)
		}
	}
}

// Bars show what lines do.
func TestBarsTellAChange(t *testing.T) {
	var out bytes.Buffer
	p := newChangeBars(&out)
	c := &request.ChangeStatus{
		Partitions: 8, Phases: map[ring.Phase]int{ring.PhaseSteady: 5, ring.PhaseCopy: 3}, Waiting: []string{"waiting for n9"},
		Nodes: []request.ChangeNode{{ID: 4, Name: "n4", Partitions: 8, Done: 5, Bytes: 8192, Moved: 4096}},
	}
	p.see(c)
	p.see(c)
	if n := p.bars[4]; n == nil || n.Current() != 4096 || !strings.Contains(*n.text.Load(), "4.0 KiB of about 8.0 KiB") {
		t.Errorf("the bar of n4: %+v", n)
	}
	if all := p.bars[0]; all == nil || all.Current() != 5 || len(p.bars) != 2 || *p.waits.text.Load() != "waiting for n9" {
		t.Errorf("bars %+v, waits %q", p.bars, *p.waits.text.Load())
	}
	p.stop()
	p.stop()
}

func TestLayoutIsShownAndCompleted(t *testing.T) {
	s := change(t, &changing{looks: 1})
	want(t, "show", s.sh(exit.OK, "layout", "show").out, "in flight since document 9", "5 of 8 partitions done", "1 of 3 answer",
		"do not switch off n1 yet: it holds 3 partitions, 2 hints")
	want(t, "show", s.sh(exit.OK, "layout", "show").out, "no change is in flight")
	var p struct{ Hash string }
	if s.json(&p, "layout", "plan"); p.Hash != "h1" {
		t.Errorf("the plan reads %+v", p)
	}
	want(t, "names", s.sh(exit.OK, "__complete", "layout", "stage", "remove", "").out, "n1\n", "n4\n")
}

func TestALayoutCommandThatFailsSaysWhy(t *testing.T) {
	for name, tc := range map[string]struct {
		refuse error
		line   string
		code   exit.Code
		says   string
	}{
		"a change in flight":      {request.ErrChanging, "apply --yes", exit.Conflict, "in flight"},
		"other steps are staged":  {request.ErrStalePlan, "apply --plan h0 --yes", exit.Conflict, "staged"},
		"no such node":            {request.ErrNoNode, "stage remove n9", exit.NotFound, "n9"},
		"too few replicas":        {request.ErrUnsafe, "stage remove n1", exit.Conflict, "promised"},
		"nothing in flight":       {request.ErrNoChange, "pause", exit.Conflict, "no layout change"},
		"a weight that is none":   {nil, "stage add n4 --weight 0", exit.Usage, "1 to 1000"},
		"a change of nothing":     {nil, "stage set n4", exit.Usage, "--zone"},
		"a replacement by nobody": {nil, "stage replace n1", exit.Usage, "that of the node that comes"},
		"a verb that is none":     {nil, "stage move n1", exit.Usage, "move"},
		"nobody is lost":          {nil, "force --yes-i-lost c1", exit.Usage, "--lost"},
		"JSON cannot ask of it":   {nil, "force --lost n2 --output json", exit.Usage, "--yes-i-lost"},
		"the majority answers":    {request.ErrUnsafe, "force --lost n2 --yes-i-lost c1", exit.Conflict, "promised"},
		"JSON cannot ask":         {nil, "apply --output json", exit.Usage, "--yes"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &changing{refuse: tc.refuse}
			want(t, "standard error", change(t, c).sh(tc.code, append([]string{"layout"}, strings.Fields(tc.line)...)...).err, tc.says)
			if tc.refuse == nil && len(c.asked) > 0 {
				t.Errorf("asked %v", c.asked)
			}
		})
	}
}
