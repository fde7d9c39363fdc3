package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/api"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// changing is a script that changes layouts too.
type changing struct {
	scripted
	plan request.Plan
	did  []string
	got  []request.LayoutStep
}

var _ api.Changer = (*changing)(nil)

// LayoutProgress tells more than Layout.
func (c *changing) LayoutProgress(context.Context) request.Layout {
	l := c.layout
	change := *l.Change
	change.Nodes = []request.ChangeNode{{
		ID: 4, Name: "n4", Silent: true, Partitions: 8, Done: 1, Bytes: 9, Moved: 8, Sent: 7, Rate: 6, Left: 5, Holds: 4, Leftovers: 3, Hints: 2, Waiting: []string{"w"},
	}}
	change.Waiting = []string{"n3 is away"}
	l.Change = &change
	return l
}

func (c *changing) do(what string) error {
	c.did = append(c.did, what)
	return c.err
}

func (c *changing) Stage(_ context.Context, steps []request.LayoutStep) error {
	c.got = steps
	return c.do("stage")
}
func (c *changing) Unstage(context.Context) error              { return c.do("unstage") }
func (c *changing) Plan(context.Context) (request.Plan, error) { return c.plan, c.do("plan") }
func (c *changing) Apply(_ context.Context, hash string) error { return c.do("apply " + hash) }
func (c *changing) PauseChange(context.Context) error          { return c.do("pause") }
func (c *changing) ResumeChange(context.Context) error         { return c.do("resume") }
func (c *changing) AmendChange(_ context.Context, gone, with string) error {
	return c.do("amend " + gone + " " + with)
}
func (c *changing) RevertChange(context.Context) error { return c.do("revert") }

func (c *changing) ForceLayout(_ context.Context, lost []string, yes string) error {
	return c.do("force " + strings.Join(lost, ",") + " " + yes)
}

const layoutPath = "/v1/cluster/layout"

func changes(t *testing.T, c *changing) http.Handler {
	t.Helper()
	h, err := api.New(api.Options{Keys: c, Admin: c})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// verbs are the requests that change a layout, as they are usually sent.
func verbs() []*http.Request {
	return []*http.Request{
		ask("POST", layoutPath+"/stage", `{"steps":[{"verb":"replace","node":"n1","with":"n4","expel":true,"weight":50,"zone":"z2"}]}`),
		ask("DELETE", layoutPath+"/stage", ""),
		ask("POST", layoutPath+"/apply", `{"plan":"h1"}`),
		ask("POST", layoutPath+"/pause", ""),
		ask("POST", layoutPath+"/resume", "{}"),
		ask("POST", layoutPath+"/revert", ""),
		ask("POST", layoutPath+"/amend", `{"without":"n4","with":"n5"}`),
		ask("POST", layoutPath+"/force", `{"lost":["n2","n3"],"yes":"c1"}`),
	}
}

func TestLayoutVerbsReachTheCluster(t *testing.T) {
	zone := "z2"
	step := request.LayoutStep{Verb: ring.VerbReplace, Node: "n1", With: "n4", Expel: true, Weight: 50, Zone: &zone}
	c := &changing{plan: request.Plan{
		Hash: "h1", Steps: []request.LayoutStep{step}, Partitions: 8, Moves: 8, Bytes: 1 << 30, LowestReplicas: 2, Warnings: []string{"two stones"},
		Nodes:    []request.PlanNode{{ID: 1, Name: "n1", Weight: 100, Going: ring.Expelled, Before: 8, Loses: 8, Free: 5, Mark: 4}},
		Refusals: []string{"too full"},
	}}
	h := changes(t, c)
	for _, r := range verbs() {
		wants(t, do(t, h, r), 204)
	}
	if diff := cmp.Diff([]string{"stage", "unstage", "apply h1", "pause", "resume", "revert", "amend n4 n5", "force n2,n3 c1"}, c.did); diff != "" {
		t.Errorf("(-want +did):\n%s", diff)
	}
	if diff := cmp.Diff([]request.LayoutStep{step}, c.got); diff != "" {
		t.Errorf("(-sent +staged):\n%s", diff)
	}
	if diff := cmp.Diff(c.plan, read[request.Plan](t, wants(t, do(t, h, ask("GET", layoutPath+"/plan", "")), 200))); diff != "" {
		t.Errorf("(-plan +read):\n%s", diff)
	}
	c.layout = request.Layout{
		Document: ring.Name{Version: 1, Hash: ring.Hash{1}}, Nodes: []request.LayoutNode{}, Replicas: [][]int{}, Staged: []request.LayoutStep{step},
		Change: &request.ChangeStatus{
			Applied: 1, Steps: []request.LayoutStep{step}, Paused: true, Partitions: 8, Phases: map[ring.Phase]int{ring.PhaseWait: 8},
			Nodes: []request.ChangeNode{}, Reverting: true,
		},
		Left: []string{"n9"},
	}
	if diff := cmp.Diff(c.layout, read[request.Layout](t, wants(t, do(t, h, ask("GET", layoutPath, "")), 200))); diff != "" {
		t.Errorf("(-layout +read):\n%s", diff)
	}
	if diff := cmp.Diff(c.layout, read[request.Layout](t, wants(t, do(t, h, ask("GET", layoutPath+"?progress=false", "")), 200))); diff != "" {
		t.Errorf("(-layout +read without progress):\n%s", diff)
	}
	if diff := cmp.Diff(c.LayoutProgress(t.Context()), read[request.Layout](t, wants(t, do(t, h, ask("GET", layoutPath+"?progress=true", "")), 200))); diff != "" {
		t.Errorf("(-progress +read):\n%s", diff)
	}
	wants(t, do(t, h, ask("GET", layoutPath+"?progress=yes", "")), 400)
	wants(t, do(t, h, ask("GET", layoutPath+"/plan?progress=true", "")), 400)
}

// A layout verb that is refused says why, by one status and code.
func TestARefusedChangeHasItsStatusAndCode(t *testing.T) {
	for status, refusals := range map[int][]error{
		404: {request.ErrNoNode}, 409: {request.ErrChanging, request.ErrNoChange, request.ErrStalePlan}, 422: {request.ErrUnsafe},
		503: {request.ErrNotReady, request.ErrClosed},
	} {
		for _, err := range refusals {
			h := changes(t, &changing{scripted: scripted{err: err}})
			for _, r := range append(verbs(), ask("GET", layoutPath+"/plan", "")) {
				if p := complaint(t, wants(t, do(t, h, r), status)); p.Code != request.CodeOf(err) || p.Outcome != request.None {
					t.Errorf("%s %s: %+v of %v", r.Method, r.URL, p, err)
				}
			}
		}
	}
}

func TestALayoutVerbThatIsNoneIsRefused(t *testing.T) {
	c := &changing{}
	h := changes(t, c)
	for path, bodies := range map[string][]string{
		"/stage": {``, `{"steps":[]}`, `{"steps":[{"node":"n1","how":"leave"}]}`, `[]`}, "/apply": {``, `{"plan":""}`, `{"hash":"h1"}`},
		"/pause": {`{"for":"1h"}`}, "/resume": {`{"x":1}`}, "/revert": {`{"x":1}`},
		"/amend": {``, `{"without":""}`, `{"with":"n5"}`, `{"without":"n4","x":1}`},
		"/force": {``, `{"lost":[],"yes":"c1"}`, `{"lost":["n2"]}`, `{"lost":["n2"],"yes":"c1","x":1}`},
	} {
		for _, body := range bodies {
			wants(t, do(t, h, ask("POST", layoutPath+path, body)), 400)
		}
		wants(t, do(t, h, ask("POST", layoutPath+path+"?x=1", "")), 400)
		wants(t, do(t, h, ask("POST", layoutPath+path, `{"plan":"`+strings.Repeat("h", 1<<20)+`"}`)), 413)
	}
	wants(t, do(t, h, ask("DELETE", layoutPath+"/stage", `{"x":1}`)), 400)
	wants(t, do(t, h, ask("DELETE", layoutPath+"/stage", `{"x":"`+strings.Repeat("h", 1<<20)+`"}`)), 413)
	wants(t, do(t, h, ask("GET", layoutPath+"/plan?x=1", "")), 400)
	wants(t, do(t, h, ask("GET", layoutPath+"/stage", "")), 405)
	wants(t, do(t, h, ask("PUT", layoutPath+"/apply", "")), 405)
	if len(c.did) > 0 {
		t.Errorf("refused requests did %v", c.did)
	}
}
