package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

// shell runs command lines against one embedded node.
type shell struct {
	t   *testing.T
	url string
}

// result is what one command line gave.
type result struct {
	code exit.Code
	out  string
	err  string
}

// node opens a cluster of one behind a test server.
func node(t *testing.T) shell {
	t.Helper()
	n, err := henge.Open(t.Context(), "node", henge.Options{Seams: henge.Seams{FS: vfs.NewMem()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(n.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return shell{t: t, url: server.URL}
}

// with runs a command line with standard input.
func (s shell) with(in string, args ...string) result {
	s.t.Helper()
	var out, errs bytes.Buffer
	env := []string{"HENGE_URL=" + s.url, "HENGE_TIMEOUT=10s"}
	code := run(s.t.Context(), args, streams{in: strings.NewReader(in), out: &out, err: &errs}, env)
	return result{code: code, out: out.String(), err: errs.String()}
}

// sh runs a command line and holds its exit code.
func (s shell) sh(want exit.Code, args ...string) result {
	s.t.Helper()
	return s.in(want, "", args...)
}

// in is sh with standard input.
func (s shell) in(want exit.Code, in string, args ...string) result {
	s.t.Helper()
	r := s.with(in, args...)
	if r.code != want {
		s.t.Fatalf("henge %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, want, r.out, r.err)
	}
	return r
}

// json runs a command line and decodes its one JSON document.
func (s shell) json(into any, args ...string) {
	s.t.Helper()
	r := s.sh(exit.OK, append(args, "--output", "json")...)
	if err := json.Unmarshal([]byte(r.out), into); err != nil {
		s.t.Fatalf("henge %s prints %q: %v", strings.Join(args, " "), r.out, err)
	}
}

func want(t *testing.T, what, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("%s: %q lacks %q", what, got, part)
		}
	}
}

func TestAValueGoesInAndComesOut(t *testing.T) {
	s := node(t)
	file := filepath.Join(t.TempDir(), "v.json")
	if err := os.WriteFile(file, []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, "put", s.sh(exit.OK, "put", "stone", "stands").out, "stored stone in default: 1/1 acknowledged")
	s.in(exit.OK, "from\nstdin\x00", "put", "piped", "-", "--meta", "by=me,at=home")
	s.sh(exit.OK, "put", "filed", "--file", file, "--bucket", "other")
	for key, value := range map[string]string{"stone": "stands", "piped": "from\nstdin\x00"} {
		if got := s.sh(exit.OK, "get", key).out; got != value {
			t.Errorf("%s holds %q, want %q", key, got, value)
		}
	}
	var v struct {
		Siblings []struct {
			JSON        json.RawMessage   `json:"json"`
			Value       string            `json:"value"`
			ContentType string            `json:"content_type"`
			Meta        map[string]string `json:"meta"`
		} `json:"siblings"`
	}
	s.json(&v, "get", "filed", "--bucket", "other")
	if len(v.Siblings) != 1 || string(v.Siblings[0].JSON) != `{"a":1}` || v.Siblings[0].ContentType != "application/json" {
		t.Errorf("the file reads back as %+v", v)
	}
	s.json(&v, "get", "piped")
	if v.Siblings[0].Meta["by"] != "me" || v.Siblings[0].Meta["at"] != "home" {
		t.Errorf("the metadata reads back as %v", v.Siblings[0].Meta)
	}
	want(t, "delete", s.sh(exit.OK, "delete", "stone").out, "deleted stone")
	want(t, "get of what was deleted", s.sh(exit.NotFound, "get", "stone").err, "stone", "not found")
}

func TestEveryFailureHasItsExitCode(t *testing.T) {
	s := node(t)
	s.sh(exit.OK, "put", "k", "v")
	cases := map[string]struct {
		args []string
		code exit.Code
		says string
	}{
		"an unknown command":             {[]string{"fetch"}, exit.Usage, "fetch"},
		"an unknown flag":                {[]string{"get", "k", "--nope"}, exit.Usage, "--nope"},
		"an unknown command below one":   {[]string{"bucket", "drop"}, exit.Usage, "drop"},
		"a bucket's name that is none":   {[]string{"bucket", "create", "No"}, exit.Usage, "bucket name"},
		"a policy that is none":          {[]string{"bucket", "create", "b", "--policy", "new"}, exit.Usage, "siblings or lww"},
		"a bucket that is not there":     {[]string{"bucket", "show", "none"}, exit.NotFound, "henge bucket create none"},
		"a change of no bucket":          {[]string{"bucket", "set", "none", "--owner", "me"}, exit.NotFound, "henge bucket create none"},
		"a change of nothing":            {[]string{"bucket", "set", "default"}, exit.Usage, "nothing to change"},
		"an old bucket made anew":        {[]string{"bucket", "create", "default", "--policy", "lww"}, exit.Conflict, "for its life"},
		"a setting that is none":         {[]string{"settings", "set", "speed=9"}, exit.Usage, "auto_buckets"},
		"a setting without a value":      {[]string{"settings", "set", "auto_join"}, exit.Usage, "NAME=VALUE"},
		"a switch that is none":          {[]string{"settings", "set", "auto_join=maybe"}, exit.Usage, "on or off"},
		"a number that is none":          {[]string{"settings", "set", "transfer_mibps=-1"}, exit.Usage, "0 or more"},
		"a count above the replicas":     {[]string{"settings", "set", "w=9"}, exit.Usage, "3 replicas"},
		"no settings":                    {[]string{"settings", "set"}, exit.Usage, "takes settings"},
		"a missing argument":             {[]string{"get"}, exit.Usage, "takes a key"},
		"a value and a file":             {[]string{"put", "k", "v", "--file", "f"}, exit.Usage, "not both"},
		"no value":                       {[]string{"put", "k"}, exit.Usage, "needs a value"},
		"a count that is none":           {[]string{"get", "k", "--r", "0"}, exit.Usage, "count"},
		"more replicas than there are":   {[]string{"get", "k", "--r", "3"}, exit.Usage, "replicas"},
		"a bucket that cannot be":        {[]string{"get", "k", "--bucket", "No Way"}, exit.Usage, "bucket"},
		"a key that is too long":         {[]string{"put", strings.Repeat("k", 1025), "v"}, exit.Usage, "1025"},
		"a key that is not there":        {[]string{"get", "absent"}, exit.NotFound, "not found"},
		"a sibling that is not there":    {[]string{"get", "k", "--sibling", "x"}, exit.NotFound, "sibling"},
		"a condition that does not hold": {[]string{"put", "k", "w", "--if-none-match", "*"}, exit.Conflict, "precondition"},
		"a context of another key":       {[]string{"put", "k", "w", "--context", "AAAA"}, exit.Usage, "context"},
		"nobody is there":                {[]string{"get", "k", "--url", "http://127.0.0.1:1"}, exit.Unavailable, "no node answers at http://127.0.0.1:1 ("},
		"nobody is there to list":        {[]string{"keys", "--url", "http://127.0.0.1:1"}, exit.Unavailable, "127.0.0.1:1"},
		"an argument too many":           {[]string{"status", "now"}, exit.Usage, "takes no arguments"},
		"a limit below none":             {[]string{"keys", "--limit", "-1"}, exit.Usage, "--limit -1"},
		"a file that is away":            {[]string{"put", "k", "--file", "/nowhere/f"}, exit.Usage, "/nowhere/f"},
		"no file for failed records":     {[]string{"import", "-", "--key", "k", "--failed", "/nowhere/f"}, exit.Usage, "/nowhere/f"},
		"an empty key":                   {[]string{"put", "", "v"}, exit.Usage, `put "": `},
		"CSV without a first row":        {[]string{"import", "-", "--key", "k", "--format", "csv"}, exit.Usage, "is empty"},
		"import of none at once":         {[]string{"import", "-", "--key", "k", "--in-flight", "0"}, exit.Usage, "--in-flight 0"},
		"help for what is no command":    {[]string{"help", "fetch"}, exit.Usage, "fetch"},
		"a shell that is not known":      {[]string{"completion", "tcsh"}, exit.Usage, "tcsh"},
		"a URL that is none":             {[]string{"get", "k", "--url", "://"}, exit.Usage, "://"},
		"serve without a directory":      {[]string{"serve"}, exit.Usage, "--data"},
		"serve in an empty directory":    {[]string{"serve", "--data", t.TempDir()}, exit.Usage, "--init"},
		"bench with an odd mix":          {[]string{"bench", "--mix", "half"}, exit.Usage, "half"},
		"import of a file that is away":  {[]string{"import", "/nowhere", "--key", "k"}, exit.Usage, "/nowhere"},
		"import without a key":           {[]string{"import", "-"}, exit.Usage, "key"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s.t = t
			r := s.sh(c.code, c.args...)
			want(t, "standard error", r.err, "henge: ", c.says)
			if r.out != "" {
				t.Errorf("standard output holds %q", r.out)
			}
		})
	}
}

func TestAFailureIsJSONWhereResultsAre(t *testing.T) {
	var failure struct {
		Failure struct {
			Error, Code string
			Exit        int
		}
	}
	r := node(t).sh(exit.NotFound, "get", "absent", "--output", "json")
	if err := json.Unmarshal([]byte(r.err), &failure); err != nil {
		t.Fatalf("%q: %v", r.err, err)
	}
	if f := failure.Failure; f.Code != "not_found" || f.Exit != 3 || f.Error == "" {
		t.Errorf("the failure reads %+v", f)
	}
}

func TestSiblingsAreListedPickedAndMerged(t *testing.T) {
	s := node(t)
	s.sh(exit.OK, "put", "cart", "empty")
	var v struct {
		Context  string
		Siblings []struct{ ID, Value string }
	}
	s.json(&v, "get", "cart")
	s.sh(exit.OK, "put", "cart", "milk", "--context", v.Context)
	want(t, "a put beside another", s.sh(exit.OK, "put", "cart", "bread", "--context", v.Context).out, "2 siblings")
	r := s.sh(exit.Conflict, "get", "cart")
	want(t, "the list", r.err, "2 siblings", "milk", "bread", "henge put cart MERGED")
	if r.out != "" {
		t.Errorf("standard output holds %q, which a pipe would take for the value", r.out)
	}
	r = s.sh(exit.Conflict, "get", "cart", "--output", "json")
	if err := json.Unmarshal([]byte(r.out), &v); err != nil || len(v.Siblings) != 2 {
		t.Fatalf("%q: %v; want two siblings", r.out, err)
	}
	for _, sibling := range v.Siblings {
		if got := s.sh(exit.OK, "get", "cart", "--sibling", sibling.ID).out; got != sibling.Value {
			t.Errorf("sibling %s is %q, want %q", sibling.ID, got, sibling.Value)
		}
	}
	if lines := strings.Count(s.sh(exit.OK, "get", "cart", "--all").out, "\n"); lines != 2 {
		t.Errorf("--all prints %d lines, want 2", lines)
	}
	s.sh(exit.OK, "put", "cart", "milk, bread", "--context", v.Context)
	if got := s.sh(exit.OK, "get", "cart").out; got != "milk, bread" {
		t.Errorf("the merged cart holds %q", got)
	}
}

func TestWhatIsImportedIsListedExportedAndImportedAgain(t *testing.T) {
	s := node(t)
	dir := t.TempDir()
	file, left := filepath.Join(dir, "in.ndjson"), filepath.Join(dir, "failed")
	input := "{\"id\":\"a\",\"n\":1}\noops\n{\"id\":\"b\"}\n{\"n\":2}\n{\"id\":\"a\",\"n\":2}\n"
	if err := os.WriteFile(file, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.sh(exit.Failure, "import", file, "--bucket", "one", "--key", "id", "--failed", left, "--verify", "--output", "json")
	var sum summary
	if err := json.Unmarshal([]byte(r.out), &sum); err != nil {
		t.Fatalf("%q: %v", r.out, err)
	}
	if sum.Records != 5 || sum.Acked != 3 || sum.Bad != 2 || !sum.Complete || sum.Verified == nil || sum.Verified.Checked != 2 || sum.Verified.Missing != 0 {
		t.Errorf("the summary is %+v, verified %+v", sum, sum.Verified)
	}
	want(t, "what is wrong", r.err, "line 2: ", "line 4: ")
	if got, err := os.ReadFile(left); err != nil || string(got) != "oops\n{\"n\":2}\n" {
		t.Errorf("the failed records are %q, %v", got, err)
	}
	if got := s.sh(exit.OK, "get", "a", "--bucket", "one").out; got != `{"id":"a","n":2}` {
		t.Errorf("a holds %s: the last record must stand", got)
	}
	csv := s.in(exit.OK, "id,n\nc,\"3,5\"\n", "import", "--bucket", "one", "--format", "csv", "--key", "id")
	want(t, "the summary", csv.out, "1 records: 1 acknowledged, 0 failed")
	s.in(exit.OK, "text\n", "put", "d", "-", "--bucket", "one")

	keys := strings.Fields(s.sh(exit.OK, "keys", "--bucket", "one").out)
	if len(keys) != 4 {
		t.Errorf("keys %v, want 4", keys)
	}
	want(t, "the end", s.sh(exit.OK, "keys", "--bucket", "one", "--output", "json").out, `{"key":"c"}`, `{"end":{"keys":4,"complete":true`)
	export := s.sh(exit.OK, "export", "--bucket", "one")
	want(t, "standard error", export.err, "exported 4 keys of one: complete")
	again := s.in(exit.OK, export.out, "import", "--bucket", "two", "--format", "export", "--verify")
	want(t, "the summary", again.out, "4 acknowledged", "0 missing")
	if got := s.sh(exit.OK, "export", "--bucket", "two").out; !sameLines(got, export.out) {
		t.Errorf("the copy exports as\n%s\nwant\n%s", got, export.out)
	}
}

// sameLines compares texts whose lines may stand in another order: the place of a
// key on the ring depends on its bucket.
func sameLines(a, b string) bool {
	count := map[string]int{}
	for line := range strings.Lines(a) {
		count[line]++
	}
	for line := range strings.Lines(b) {
		count[line]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestALimitedListingGoesOnWhereItStopped(t *testing.T) {
	s := node(t)
	for _, key := range []string{"a", "b", "c"} {
		s.sh(exit.OK, "put", key, "v")
	}
	r := s.sh(exit.OK, "export", "--limit", "2")
	_, cursor, found := strings.Cut(strings.TrimSpace(r.err), "--cursor ")
	if !found {
		t.Fatalf("%q names no cursor", r.err)
	}
	rest := s.sh(exit.OK, "export", "--cursor", cursor)
	if n := strings.Count(r.out+rest.out, "\n"); n != 3 || strings.Contains(r.out, strings.TrimSpace(rest.out)) {
		t.Errorf("2 keys and then\n%s\nwant the third", rest.out)
	}
}

func TestStatusAndExplainAreReadable(t *testing.T) {
	s := node(t)
	s.sh(exit.OK, "put", "stone", "stands")
	want(t, "status", s.sh(exit.OK, "status").out, "1 members", "hints: none owed", "buckets: default")
	want(t, "explain", s.sh(exit.OK, "explain", "stone").out, "stone in default", "preference list:", "primary", "6 bytes")
	var status struct {
		Nodes []struct{ Status struct{ Ready bool } }
	}
	if s.json(&status, "status"); len(status.Nodes) != 1 || !status.Nodes[0].Status.Ready {
		t.Errorf("the status reads %+v", status)
	}
	var explained struct{ Position string }
	if s.json(&explained, "explain", "stone"); len(explained.Position) != 16 {
		t.Errorf("the explanation reads %+v", explained)
	}
}

func TestBenchMeasures(t *testing.T) {
	s := node(t)
	var report struct {
		Verbs []struct {
			Verb  string
			Count int
			P50   float64 `json:"p50_us"`
		}
	}
	s.json(&report, "bench", "--duration", "100ms", "--clients", "2", "--keys", "10", "--size", "16")
	if len(report.Verbs) != 2 {
		t.Fatalf("the report is %+v, want puts and gets", report)
	}
	for _, v := range report.Verbs {
		if v.Count == 0 || v.P50 <= 0 {
			t.Errorf("%s: %+v", v.Verb, v)
		}
	}
}

func TestTheShellCompletesBucketsAndWords(t *testing.T) {
	s := node(t)
	s.sh(exit.OK, "put", "k", "v", "--bucket", "carts")
	want(t, "buckets", s.sh(exit.OK, "__complete", "get", "--bucket", "").out, "carts\n", "default\n")
	want(t, "formats", s.sh(exit.OK, "__complete", "keys", "--output", "").out, "json\n")
	want(t, "script", s.sh(exit.OK, "completion", "bash").out, "henge")
}

func TestVersionSaysWhichBuild(t *testing.T) {
	s := shell{t: t}
	want(t, "version", s.sh(exit.OK, "version").out, "henge ", "go1.")
	var v map[string]any
	if s.json(&v, "version"); v["version"] == "" {
		t.Errorf("the version is %v", v)
	}
}

func TestHelpHasEveryExitCode(t *testing.T) {
	s := shell{t: t}
	for _, text := range []string{s.sh(exit.OK, "--help").out, s.sh(exit.OK, "help", "exit-codes").out} {
		for _, row := range exit.Table() {
			want(t, "help", text, row.Meaning)
		}
	}
}

func TestAnInterruptIsNoFailureOfTheCluster(t *testing.T) {
	s := node(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(exit.ErrInterrupted)
	var out, errs bytes.Buffer
	args := []string{"import", "-", "--key", "k", "--url", s.url}
	code := run(ctx, args, streams{in: strings.NewReader("{\"k\":\"a\"}\n"), out: &out, err: &errs}, nil)
	if code != exit.Interrupted || !strings.Contains(out.String(), "0 acknowledged") {
		t.Errorf("exit code %d, %q %q; want an interrupt with a summary", code, out.String(), errs.String())
	}
}
