package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/replication/request"
)

func TestVerifyOfANodeThatIsWell(t *testing.T) {
	s := node(t)
	for i := range 5 {
		s.sh(exit.OK, "put", fmt.Sprint("k", i), "v")
	}
	s.sh(exit.OK, "put", "other", "v", "--bucket", "b")
	want(t, "all", s.sh(exit.OK, "verify").out, "6 keys compared, 0 differ")
	want(t, "one bucket", s.sh(exit.OK, "verify", "--bucket", "b").out, "1 keys compared")
	want(t, "no such partition", s.sh(exit.Usage, "verify", "--partition", "70000").err, "from 0")
	s.sh(exit.Usage, "verify", "--partition", "-2")
}

// verifying answers each partition as it is scripted, in calls.
type verifying struct {
	mu    sync.Mutex
	calls []request.VerifyOptions
	part  map[int][]request.Verification
}

func (v *verifying) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var document any = request.Layout{Partitions: 3}
	if r.URL.Path == wire.Verify {
		var o request.VerifyOptions
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			panic(err)
		}
		v.calls = append(v.calls, o)
		left := v.part[int(o.Partition)]
		if len(left) == 0 {
			problem.Write(w, problem.Of(request.ErrBadValue))
			return
		}
		document, v.part[int(o.Partition)] = wire.VerificationOf(left[0]), left[1:]
	}
	if err := json.NewEncoder(w).Encode(document); err != nil {
		panic(err)
	}
}

func TestVerifyTellsWhatDiffersAndWhatWasNotSeen(t *testing.T) {
	differs := []request.DifferingKey{{Bucket: "b", Key: "k", Digests: map[string]string{"n1": "aa", "n2": ""}}}
	done := []request.Verification{{Keys: 1}}
	for name, tc := range map[string]struct {
		first []request.Verification // of partition 0
		exit  exit.Code
		out   []string
		err   string
	}{
		"in several calls": {[]request.Verification{{Keys: 5, Next: "there"}, {Keys: 2}}, exit.OK, []string{"3 partitions: 9 keys compared, 0 differ"}, ""},
		"a key differs":    {[]request.Verification{{Keys: 5, Differing: differs}}, exit.Failure, []string{"k in b: n1 aa, n2 nothing", "1 differ"}, "--repair"},
		"one is away":      {[]request.Verification{{Keys: 5, Away: []string{"n3"}}}, exit.Incomplete, []string{"0 differ"}, "without n3"},
		"a failure":        {nil, exit.Incomplete, []string{"2 partitions"}, "partition 0"},
		"repaired":         {[]request.Verification{{Keys: 5, Repaired: 1}}, exit.OK, []string{"1 repaired"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := &verifying{part: map[int][]request.Verification{0: tc.first, 1: done, 2: done}}
			server := httptest.NewServer(v)
			defer server.Close()
			s := shell{t: t, url: server.URL}
			got := s.sh(tc.exit, "verify", "--repair", "--bucket", "b")
			for _, text := range tc.out {
				if !strings.Contains(got.out, text) {
					t.Errorf("it says %q, want %q in it", got.out, text)
				}
			}
			if !strings.Contains(got.err, tc.err) {
				t.Errorf("the error is %q, want %q in it", got.err, tc.err)
			}
			for _, o := range v.calls {
				if !o.Repair || o.Bucket != "b" {
					t.Errorf("asked for %+v", o)
				}
			}
			if n := len(v.calls); tc.first != nil && n != len(tc.first)+2 {
				t.Errorf("%d calls", n)
			}
		})
	}
}
