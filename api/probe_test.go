package api_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/hengedb/henge/api"
	"github.com/hengedb/henge/replication/request"
)

func TestTheClusterIsShownAsTheContractSays(t *testing.T) {
	h := openNode(t).Handler()
	wants(t, do(t, h, ask("PUT", key, "v")), 204)
	var status request.Status
	if err := json.Unmarshal([]byte(wants(t, do(t, h, ask("GET", "/v1/cluster", "")), 200).body), &status); err != nil {
		t.Fatal(err)
	}
	if !status.Ready || len(status.Members) != 1 || status.Members[0].Health != "up" || status.Parts != 8 || status.Document.IsZero() {
		t.Errorf("status %+v", status)
	}
	var layout request.Layout
	if err := json.Unmarshal([]byte(wants(t, do(t, h, ask("GET", "/v1/cluster/layout", "")), 200).body), &layout); err != nil {
		t.Fatal(err)
	}
	if len(layout.Replicas) != 8 || layout.Nodes[layout.Replicas[0][0]].ID != status.Node {
		t.Errorf("layout %+v", layout)
	}
	var e request.Explanation
	if err := json.Unmarshal([]byte(wants(t, do(t, h, ask("GET", "/v1/buckets/default/explain/k", "")), 200).body), &e); err != nil {
		t.Fatal(err)
	}
	if e.Key != "k" || len(e.Replicas) != 1 || len(e.Replicas[0].Siblings) != 1 || len(e.Answers) != 1 || !e.Answers[0].Found {
		t.Errorf("explanation %+v", e)
	}
}

func TestANodeWithoutADocumentSaysWhatItWaitsFor(t *testing.T) {
	h := serve(t, &scripted{err: errors.New("the document")})
	wants(t, do(t, h, ask("GET", "/v1/cluster", "")), 200)
	for _, path := range []string{"/v1/cluster/layout", "/readyz"} {
		if p := complaint(t, wants(t, do(t, h, ask("GET", path, "")), 503)); p.Code != "not_ready" || !strings.Contains(p.Detail, "the document") {
			t.Errorf("%s: %+v", path, p)
		}
	}
	wants(t, do(t, h, ask("GET", "/livez", "")), 200)
	wants(t, do(t, serve(t, &scripted{}), ask("GET", "/v1/cluster/layout", "")), 503)
	wants(t, do(t, serve(t, &scripted{err: request.ErrClosed}), ask("GET", "/readyz", "")), 503)
}

func TestProbes(t *testing.T) {
	h := openNode(t).Handler()
	for _, method := range []string{"GET", "HEAD"} {
		for _, path := range []string{"/livez", "/readyz", "/openapi.yaml", "/metrics", "/v1/cluster", "/v1/cluster/layout"} {
			wants(t, do(t, h, ask(method, path, "")), 200)
		}
	}
	contract, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if served := do(t, h, ask("GET", "/openapi.yaml", "")).body; served != string(contract) {
		t.Error("the document that is served is not the one in the source")
	}
}

func TestProfilesAreServedOnlyWhenAskedFor(t *testing.T) {
	wants(t, do(t, openNode(t).Handler(), ask("GET", "/debug/pprof/", "")), 200)
	r := wants(t, do(t, serve(t, &scripted{}), ask("GET", "/debug/pprof/", "")), 404)
	if p := complaint(t, r); p.Code != "no_route" {
		t.Errorf("problem %+v", p)
	}
}

// What /metrics says is the exposition format, with what requests left in it.
func TestMetricsAreAnExposition(t *testing.T) {
	h := openNode(t).Handler()
	wants(t, do(t, h, ask("PUT", key, "v")), 204)
	wants(t, do(t, h, ask("GET", key, "")), 200)
	wants(t, do(t, h, ask("GET", key+"?r=banana", "")), 400)
	page := wants(t, do(t, h, ask("GET", "/metrics", "")), 200).body
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`henge_http_requests_total{code="204",verb="put"} 1`, `henge_http_requests_total{code="200",verb="get"} 1`,
		`henge_http_requests_total{code="400",verb="get"} 1`, `henge_http_request_seconds_count{verb="get"} 2`,
		`henge_http_bodies_bytes 0`, `henge_ready 1`, `henge_member_up{`,
	} {
		if !strings.Contains(page, line) {
			t.Errorf("the page has no %s", line)
		}
	}
	for name, family := range families {
		if !strings.HasPrefix(name, "henge_") || family.GetHelp() == "" {
			t.Errorf("%s: %q; want a name that begins with henge_, and help", name, family.GetHelp())
		}
	}
}

func TestOptionsThatContradictAreRefused(t *testing.T) {
	if _, err := api.New(api.Options{}); err == nil {
		t.Error("a server without keys was made")
	}
	if _, err := api.New(api.Options{Keys: &scripted{}, Admin: &scripted{}, MaxBodies: -1}); err == nil {
		t.Error("a server with room for less than nothing was made")
	}
}
