package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

const carts = "/v1/buckets/carts"

// read decodes an answer of JSON.
func read[T any](t *testing.T, a *answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%q: %v", a.body, err)
	}
	return v
}

func TestABucketIsMadeShownAndChanged(t *testing.T) {
	h := openNode(t)
	made := read[wire.Bucket](t, wants(t, do(t, h.Handler(), ask("PUT", carts, `{"policy":"lww","owner":"shop","w":"all","sync":false}`)), 200))
	want := wire.Bucket{Name: "carts", Generation: 2, Policy: "lww", Owner: "shop", R: "default", W: "all", TTL: "none"}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("(-want +made):\n%s", diff)
	}
	wants(t, do(t, h.Handler(), ask("PUT", carts, `{"owner":"till","require_context":true,"r":"one","w":"default","ttl":"90s"}`)), 200)
	want.Owner, want.RequireContext, want.R, want.W = "till", true, "1", "default"
	want.TTL = "1m30s"
	if diff := cmp.Diff(want, read[wire.Bucket](t, wants(t, do(t, h.Handler(), ask("GET", carts, "")), 200))); diff != "" {
		t.Errorf("(-want +shown):\n%s", diff)
	}
	all := read[wire.Buckets](t, wants(t, do(t, h.Handler(), ask("GET", "/v1/buckets", "")), 200))
	if len(all.Buckets) != 2 || all.Buckets[0] != want || all.Buckets[1].Name != "default" {
		t.Errorf("the listing reads %+v", all)
	}
	p := complaint(t, wants(t, do(t, h.Handler(), ask("PUT", carts+"/keys/k", "v")), 428))
	if p.Code != "context_required" || !strings.Contains(p.Detail, "till") {
		t.Errorf("a put without context: %+v; want the owner in it", p)
	}
}

func TestABucketThatCannotBeIsRefused(t *testing.T) {
	h := openNode(t).Handler()
	wants(t, do(t, h, ask("PUT", carts, `{"policy":"lww","owner":"shop"}`, "If-None-Match", "*")), 200)
	for name, tc := range map[string]struct {
		body   string
		header []string
		status int
		says   string
	}{
		"another policy":              {`{"policy":"siblings"}`, nil, 409, "for its life"},
		"another policy, made":        {`{"policy":"siblings"}`, []string{"If-None-Match", "*"}, 409, "owner shop"},
		"other properties, made":      {`{"policy":"lww"}`, []string{"If-None-Match", "*"}, 409, "henge bucket set carts"},
		"equal, made":                 {`{"policy":"lww","owner":"shop"}`, []string{"If-None-Match", "*"}, 200, ""},
		"the same policy":             {`{"policy":"lww"}`, nil, 200, ""},
		"nothing":                     {``, nil, 200, ""},
		"a policy that is none":       {`{"policy":"newest"}`, nil, 400, "newest"},
		"a count that is none":        {`{"r":"two"}`, nil, 400, "two"},
		"more than the replicas":      {`{"r":"4"}`, nil, 400, "there are 3 replicas"},
		"a property that is not":      {`{"ownr":"me"}`, nil, 400, "ownr"},
		"no JSON":                     {`owner: me`, nil, 400, "body"},
		"two documents":               {`{} {}`, nil, 400, "more than one"},
		"an owner of 256 bytes":       {`{"owner":"` + strings.Repeat("o", 256) + `"}`, nil, 400, "256 bytes"},
		"a document over the limit":   {`{"owner":"` + strings.Repeat("o", 1<<20) + `"}`, nil, 413, "limit"},
		"a condition on a tag":        {`{}`, []string{"If-Match", `"t"`}, 400, "want *"},
		"conditions that contradict":  {`{}`, []string{"If-Match", "*", "If-None-Match", "*"}, 400, "contradicts"},
		"a change of one that exists": {`{"owner":"shop"}`, []string{"If-Match", "*"}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := wants(t, do(t, h, ask("PUT", carts, tc.body, tc.header...)), tc.status)
			if tc.status != 200 {
				if p := complaint(t, a); !strings.Contains(p.Detail, tc.says) || p.Outcome != request.None {
					t.Errorf("%+v: want %q", p, tc.says)
				}
			}
		})
	}
	missing := "/v1/buckets/none"
	for _, r := range []*http.Request{ask("GET", missing, ""), ask("PUT", missing, `{}`, "If-Match", "*")} {
		if p := complaint(t, wants(t, do(t, h, r), 404)); !strings.Contains(p.Detail, "henge bucket create none") {
			t.Errorf("%s of no bucket: %+v", r.Method, p)
		}
	}
	for _, r := range []*http.Request{ask("PUT", "/v1/buckets/No.Way", "{}"), ask("GET", "/v1/buckets/No.Way", ""), ask("GET", carts+"?r=1", ""), ask("GET", "/v1/buckets?r=1", "")} {
		wants(t, do(t, h, r), 400)
	}
	wants(t, do(t, h, ask("POST", carts, "")), 405)
}

func TestABucketIsDropped(t *testing.T) {
	h := openNode(t).Handler()
	wants(t, do(t, h, ask("PUT", carts, `{}`)), 200)
	wants(t, do(t, h, ask("PUT", carts+"/keys/k", "v")), 204)
	for name, r := range map[string]*http.Request{
		"a body": ask("DELETE", carts, "{}"), "generation 0": ask("DELETE", carts+"?generation=0", ""), "no number": ask("DELETE", carts+"?generation=x", ""),
		"another parameter": ask("DELETE", carts+"?w=1", ""), "no name": ask("DELETE", "/v1/buckets/No.Way", ""),
	} {
		if got := do(t, h, r).StatusCode; got != 400 {
			t.Errorf("%s: %d, want 400", name, got)
		}
	}
	wants(t, do(t, h, ask("DELETE", carts+"?generation=77", "")), 204) // of one that is not there any more
	wants(t, do(t, h, ask("GET", carts+"/keys/k", "")), 200)
	wants(t, do(t, h, ask("DELETE", carts+"?generation=2", "")), 204)
	wants(t, do(t, h, ask("DELETE", carts+"?generation=2", "")), 204) // sent again
	wants(t, do(t, h, ask("GET", carts, "")), 404)
	wants(t, do(t, h, ask("GET", carts+"/keys/k", "")), 404)
	if p := complaint(t, wants(t, do(t, h, ask("DELETE", carts, "")), 404)); p.Code != "no_bucket" {
		t.Errorf("a drop of no bucket: %+v", p)
	}
	wants(t, do(t, h, ask("PUT", carts, `{"policy":"lww"}`)), 200)
	if a := wants(t, do(t, h, ask("GET", carts+"/keys/k", "")), 404); a.Header.Get(wire.Context) != "" {
		t.Error("the bucket made anew knows of the old one's key")
	}
}

func TestTheSettingsAreShownAndChanged(t *testing.T) {
	h := openNode(t).Handler()
	const path = "/v1/cluster/settings"
	want := wire.Settings{AutoBuckets: true, R: "default", W: "default", Sync: true}
	if got := read[wire.Settings](t, wants(t, do(t, h, ask("GET", path, "")), 200)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	wants(t, do(t, h, ask("PUT", path, `{"auto_buckets":false,"auto_join":true,"transfer_mibps":32,"silent_ms":1000,"w":"one","sync":false,"timeout_ms":2000,"skew_ms":20000}`)), 200)
	want = wire.Settings{AutoJoin: true, R: "default", W: "1", TransferMiBps: 32, SilentMillis: 1000, TimeoutMillis: 2000, SkewMillis: 20000}
	if got := read[wire.Settings](t, wants(t, do(t, h, ask("GET", path, "")), 200)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	p := complaint(t, wants(t, do(t, h, ask("PUT", "/v1/buckets/b/keys/k", "v")), 404))
	if !strings.Contains(p.Detail, "henge bucket create b") {
		t.Errorf("an unknown bucket: %+v", p)
	}
	for body, status := range map[string]int{
		`{"transfer_mibps":-1}`: 400, `{"w":"4"}`: 400, `{"auto":true}`: 400, `{"w":"` + strings.Repeat("1", 1<<20) + `"}`: 413,
	} {
		wants(t, do(t, h, ask("PUT", path, body)), status)
	}
	wants(t, do(t, h, ask("GET", path+"?x=1", "")), 400)
	wants(t, do(t, h, ask("PUT", path+"?x=1", "{}")), 400)
}

// Before the document is held nothing is told and nothing is changed.
func TestBucketsAndSettingsWaitForTheDocument(t *testing.T) {
	h := serve(t, &scripted{err: request.ErrNotReady, made: ring.Bucket{Name: "carts"}})
	for _, r := range []*http.Request{
		ask("GET", "/v1/buckets", ""), ask("GET", carts, ""), ask("PUT", carts, "{}"), ask("DELETE", carts, ""),
		ask("GET", "/v1/cluster/settings", ""), ask("PUT", "/v1/cluster/settings", "{}"),
	} {
		p := complaint(t, wants(t, do(t, h, r), 503))
		if !p.Retryable {
			t.Errorf("%s %s: %+v", r.Method, r.URL, p)
		}
	}
}
