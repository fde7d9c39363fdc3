package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/replication/request"
)

func TestSalvageOfANodeThatIsWell(t *testing.T) {
	s := node(t)
	want(t, "list", s.sh(exit.OK, "salvage", "list").out, "0 keys compared, 0 values are lacking")
	want(t, "restore", s.sh(exit.OK, "salvage", "restore").out, "0 values restored")
	want(t, "open", s.sh(exit.Failure, "salvage", "open", "--yes").err, "waits in vain")
	s.sh(exit.Usage, "salvage", "list", "--set", "7")
	s.sh(exit.Usage, "salvage", "discard")
	want(t, "no such set", s.sh(exit.Usage, "salvage", "discard", "--set", "7", "--yes").err, "set aside under this number")
	var list map[string]any
	s.json(&list, "salvage", "list")
	if sets, ok := list["sets"].([]any); !ok || len(sets) != 0 {
		t.Errorf("as JSON: %v", list)
	}
}

// salvaging has three sets, one of them not complete, and says of each of the others what
// is scripted, in two calls.
type salvaging struct {
	mu    sync.Mutex
	calls []string
	fails bool
}

func (s *salvaging) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var o request.SalvageOptions
	var document any
	switch r.URL.Path {
	case wire.SalvageLacking, wire.SalvageRestore:
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			panic(err)
		}
		s.calls = append(s.calls, fmt.Sprintf("%s %+v", strings.TrimPrefix(r.URL.Path, wire.Salvage), o))
		found := request.Salvaged{Set: o.Set, Looked: 5}
		if o.After == "" {
			found.Next = "there"
		} else if o.Set == 1 {
			v := request.LackingValue{Bucket: "b", Key: "k\xff", ID: "1-1", Modified: at, Size: 3}
			if r.URL.Path == wire.SalvageRestore {
				v.Restored, found.Restored = true, 1
			}
			if s.fails {
				v.Error, v.Restored = "no quorum", false
			}
			found.Lacking = append(found.Lacking, v)
		}
		document = wire.SalvagedOf(found)
	case wire.SalvageOpen, wire.SalvageDiscard:
		raw := map[string]any{}
		if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
			panic(err)
		}
		s.calls = append(s.calls, fmt.Sprint(strings.TrimPrefix(r.URL.Path, wire.Salvage), " ", raw))
		document = request.Salvage{}
	case wire.Salvage:
		document = request.Salvage{
			Sets:   []request.SalvageSet{{Set: 1, Partition: 9, Since: at, Objects: 2, Complete: true}, {Set: 2, Since: at, Complete: true}, {Set: 3, Since: at}},
			Fenced: []request.FencedPartition{{Partition: 4, Step: "refill", Waits: "for n2", Alone: true}, {Partition: 5, Step: "refill"}},
		}
	default:
		problem.Write(w, problem.Of(request.ErrBadValue))
		return
	}
	if err := json.NewEncoder(w).Encode(document); err != nil {
		panic(err)
	}
}

func TestSalvageTellsAndDoesWhatItIsAsked(t *testing.T) {
	looks := func(verb, rest string) []string {
		return []string{
			"/" + verb + " {Set:1" + rest + " After:}", "/" + verb + " {Set:1" + rest + " After:there}",
			"/" + verb + " {Set:2" + rest + " After:}", "/" + verb + " {Set:2" + rest + " After:there}",
		}
	}
	for name, tc := range map[string]struct {
		args  []string
		in    string
		fails bool
		exit  exit.Code
		out   []string
		err   string
		calls []string
	}{
		"list":                 {[]string{"list"}, "", false, exit.OK, []string{"its partition is being filled", "partition 4 is fenced: refill", "it waits: for n2", "in b: 3 bytes", "20 keys compared, 1 values are lacking"}, "", looks("lacking", " Bucket: Prefix:")},
		"list that fails":      {[]string{"list"}, "", true, exit.Incomplete, []string{"no quorum"}, "1 values could not", looks("lacking", " Bucket: Prefix:")},
		"one set":              {[]string{"list", "--set", "3"}, "", false, exit.OK, []string{"0 values"}, "", []string{"/lacking {Set:3 Bucket: Prefix: After:}", "/lacking {Set:3 Bucket: Prefix: After:there}"}},
		"restore":              {[]string{"restore", "--bucket", "b", "--prefix", "k"}, "", false, exit.OK, []string{": restored", "1 values restored"}, "", looks("restore", " Bucket:b Prefix:k")},
		"discard":              {[]string{"discard", "--set", "2"}, "discard\n", false, exit.OK, []string{"discarded: set 2"}, "for ever", []string{"/discard map[set:2]"}},
		"discard, not meant":   {[]string{"discard", "--set", "2"}, "yes\n", false, exit.Failure, nil, "nothing was done", nil},
		"discard, as JSON":     {[]string{"discard", "--set", "2", "-o", "json"}, "", false, exit.Usage, nil, "--yes", nil},
		"open":                 {[]string{"open", "--yes"}, "", false, exit.OK, []string{"opened: 1 partitions"}, "", []string{"/open map[partition:4]"}},
		"open, with no answer": {[]string{"open"}, "", false, exit.Failure, nil, "nothing was done", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := &salvaging{fails: tc.fails}
			server := httptest.NewServer(h)
			defer server.Close()
			s := shell{t: t, url: server.URL}
			got := s.in(tc.exit, tc.in, append([]string{"salvage"}, tc.args...)...)
			for _, text := range tc.out {
				if !strings.Contains(got.out, text) {
					t.Errorf("it says %q, want %q in it", got.out, text)
				}
			}
			if !strings.Contains(got.err, tc.err) {
				t.Errorf("the error is %q, want %q in it", got.err, tc.err)
			}
			if strings.Join(h.calls, "\n") != strings.Join(tc.calls, "\n") {
				t.Errorf("it asked for\n%s\nwant\n%s", strings.Join(h.calls, "\n"), strings.Join(tc.calls, "\n"))
			}
		})
	}
}
