package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hengedb/henge/api"
	"github.com/hengedb/henge/replication/request"
)

const governorPath = "/v1/node/governor"

func TestTheGovernorIsShownAndChanged(t *testing.T) {
	h := openNode(t).Handler()
	g := read[request.Governor](t, wants(t, do(t, h, ask("GET", governorPath, "")), 200))
	if g.MiBps != 64 || g.Factor != 1 || len(g.Classes) != 5 || len(g.Requests) != 2 {
		t.Errorf("it reads %+v", g)
	}
	g = read[request.Governor](t, wants(t, do(t, h, ask("PUT", governorPath, `{"mibps":16,"pause":["transfers"]}`)), 200))
	if g.MiBps != 16 || !g.Own || !g.Classes[2].Paused {
		t.Errorf("after the change it reads %+v", g)
	}
	g = read[request.Governor](t, wants(t, do(t, h, ask("PUT", governorPath, `{"resume":["transfers"]}`)), 200))
	if g.MiBps != 16 || g.Classes[2].Paused {
		t.Errorf("what was left out has changed: %+v", g)
	}
	if s := read[request.Status](t, wants(t, do(t, h, ask("GET", "/v1/cluster", "")), 200)); s.Governor.MiBps != 16 {
		t.Errorf("the status has %+v", s.Governor)
	}
}

func TestWhatIsNoGovernorIsRefused(t *testing.T) {
	h := openNode(t).Handler()
	for name, tc := range map[string]struct {
		method, target, body string
		status               int
		says                 string
	}{
		"an unknown class":    {"PUT", governorPath, `{"pause":["compaction"]}`, 400, "compaction"},
		"a budget below none": {"PUT", governorPath, `{"mibps":-1}`, 400, "0 or more"},
		"an unknown property": {"PUT", governorPath, `{"paused":["hints"]}`, 400, "paused"},
		"a query":             {"GET", governorPath + "?r=1", "", 400, ""},
		"too much":            {"PUT", governorPath, `{"pause":["` + strings.Repeat("x", 2<<20) + `"]}`, 413, ""},
	} {
		p := complaint(t, wants(t, do(t, h, ask(tc.method, tc.target, tc.body)), tc.status))
		if !strings.Contains(p.Detail, tc.says) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	server, err := api.New(api.Options{Keys: &scripted{}, Admin: &scripted{}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if server.ServeHTTP(w, ask("PUT", governorPath, "{}")); w.Code != 404 {
		t.Errorf("without a governor: %d", w.Code)
	}
}
