package api_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/api"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// salvaging is a script that keeps something aside.
type salvaging struct {
	scripted
	list  request.Salvage
	found request.Salvaged
	did   []string
}

var _ api.Salvager = (*salvaging)(nil)

func (s *salvaging) Salvage() (request.Salvage, error) { return s.list, s.err }

func (s *salvaging) Lacking(_ context.Context, o request.SalvageOptions) (request.Salvaged, error) {
	s.did = append(s.did, fmt.Sprintf("look %+v", o))
	return s.found, s.err
}

func (s *salvaging) RestoreSet(_ context.Context, o request.SalvageOptions) (request.Salvaged, error) {
	s.did = append(s.did, fmt.Sprintf("restore %+v", o))
	return s.found, s.err
}

func (s *salvaging) DiscardSet(_ context.Context, set uint32) error {
	s.did = append(s.did, fmt.Sprint("discard ", set))
	return s.err
}

func (s *salvaging) OpenFenced(_ context.Context, p ring.Partition) error {
	s.did = append(s.did, fmt.Sprint("open ", p))
	return s.err
}

func TestSalvageDoesAsItIsAsked(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &salvaging{
		list: request.Salvage{
			Sets:   []request.SalvageSet{{Set: 1, Partition: 3, Since: at, Why: "because", Objects: 2, Hints: 1, Bytes: 99, Complete: true}},
			Fenced: []request.FencedPartition{{Partition: 4, Step: "refill", Aside: 3, Refilled: 2, Waits: "for n2", Alone: true}},
		},
		found: request.Salvaged{Set: 1, Looked: 2, Restored: 1, Next: "there", Lacking: []request.LackingValue{
			{Bucket: "b", Key: "k", ID: "1-2", Modified: at, ContentType: "text/plain", Size: 3, Restored: true},
			{Bucket: "b", Key: "\xff", ID: "1-3", Modified: at, Error: "no quorum"},
		}},
	}
	h, err := api.New(api.Options{Keys: s, Admin: s})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ method, path, body, did string }{
		{"GET", wire.Salvage, "", ""},
		{"POST", wire.SalvageDiscard, `{"set":1}`, "discard 1"},
		{"POST", wire.SalvageOpen, `{"partition":4}`, "open 4"},
	} {
		s.did = nil
		got := read[request.Salvage](t, wants(t, do(t, h, ask(tc.method, tc.path, tc.body)), 200))
		if diff := cmp.Diff(s.list, got); diff != "" || strings.Join(s.did, ",") != tc.did {
			t.Errorf("%s %s did %q (-kept +read):\n%s", tc.method, tc.path, s.did, diff)
		}
	}
	for path, verb := range map[string]string{wire.SalvageLacking: "look", wire.SalvageRestore: "restore"} {
		s.did = nil
		got := read[wire.Salvaged](t, wants(t, do(t, h, ask("POST", path, `{"set":1,"bucket":"b","prefix":"p","after":"here"}`)), 200))
		if diff := cmp.Diff(s.found, got.Request()); diff != "" {
			t.Errorf("%s (-found +read):\n%s", path, diff)
		}
		if want := verb + " {Set:1 Bucket:b Prefix:p After:here}"; strings.Join(s.did, ",") != want {
			t.Errorf("%s did %q, want %q", path, s.did, want)
		}
	}
	posts := []string{wire.SalvageLacking, wire.SalvageRestore, wire.SalvageDiscard, wire.SalvageOpen}
	for _, path := range posts {
		for _, body := range []string{`{"set":-1}`, `{"all":true}`, `[]`} {
			wants(t, do(t, h, ask("POST", path, body)), 400)
		}
		wants(t, do(t, h, ask("POST", path+"?set=1", "")), 400)
		wants(t, do(t, h, ask("POST", path, `{"after":"`+strings.Repeat("h", 1<<20)+`"}`)), 413)
		wants(t, do(t, h, ask("GET", path, "")), 405)
	}
	wants(t, do(t, h, ask("GET", wire.Salvage+"?set=1", "")), 400)
	s.err = request.ErrNotReady
	for _, path := range posts {
		wants(t, do(t, h, ask("POST", path, `{}`)), 503)
	}
	wants(t, do(t, h, ask("GET", wire.Salvage, "")), 503)
	s.err = request.ErrUnsafe
	wants(t, do(t, h, ask("POST", wire.SalvageOpen, `{"partition":4}`)), 422)
}

// A node that keeps nothing aside for anybody has no such paths.
func TestWithoutASalvagerThereIsNoSalvage(t *testing.T) {
	h := serve(t, &scripted{})
	for _, r := range [][2]string{{"GET", wire.Salvage}, {"POST", wire.SalvageDiscard}} {
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, ask(r[0], r[1], "{}")); w.Code != 404 {
			t.Errorf("%s %s: %d", r[0], r[1], w.Code)
		}
	}
}
