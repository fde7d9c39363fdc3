package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/request"
)

// slow is a bucket in memory that takes its time, and fails every tenth put.
type slow struct {
	mu   sync.Mutex
	keys map[string]bool
	puts int
	fail error
}

func (s *slow) Put(_ context.Context, key string, _ []byte, _ request.WriteOptions) (request.Receipt, error) {
	time.Sleep(4 * time.Millisecond) // bubble time
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key] = true
	if s.puts++; s.fail != nil && s.puts%10 == 0 {
		return request.Receipt{}, s.fail
	}
	return request.Receipt{}, nil
}

func (s *slow) Get(_ context.Context, key string, _ request.ReadOptions) (request.Value, error) {
	time.Sleep(time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.keys[key] {
		return request.Value{}, request.ErrNotFound
	}
	return request.Value{}, nil
}

func options(mix Mix) Options {
	return Options{Clients: 4, Duration: 998 * time.Millisecond, Size: 10, Keys: 100, Mix: mix, Seed: 1}
}

func TestTheFiguresAreWhatTheBucketDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slow{keys: map[string]bool{}, fail: &request.QuorumError{Outcome: request.Unknown}}
		r := Run(t.Context(), b, options(Puts))
		if len(r.Verbs) != 1 || r.Verbs[0].Verb != "put" {
			t.Fatalf("verbs %+v, want put alone", r.Verbs)
		}
		v := r.Verbs[0]
		if total := v.Count + v.Errors["unknown"]; total != 1000 { // 4 clients, 4 ms each, the last begun at 996 ms
			t.Errorf("%d requests, want 1000", total)
		}
		if v.Errors["unknown"] != 100 || r.Failed() != 100 {
			t.Errorf("errors %v, want 100 unknown", v.Errors)
		}
		for name, got := range map[string]float64{"p50": v.P50, "p99": v.P99, "max": v.Max, "mean": v.Mean} {
			if got < 3990 || got > 4010 {
				t.Errorf("%s is %.1f µs, want 4000", name, got)
			}
		}
	})
}

func TestReadsFindWhatWasFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slow{keys: map[string]bool{}}
		if err := Fill(t.Context(), b, options(Mixed)); err != nil {
			t.Fatal(err)
		}
		if len(b.keys) != 100 {
			t.Errorf("%d keys are filled, want 100", len(b.keys))
		}
		r := Run(t.Context(), b, options(Mixed))
		if len(r.Verbs) != 2 || r.Failed() != 0 {
			t.Errorf("report %+v, want puts and gets without failures", r)
		}
	})
}

func TestFillSaysWhyItStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &slow{keys: map[string]bool{}, fail: request.ErrFull}
		if err := Fill(t.Context(), b, options(Gets)); !errors.Is(err, request.ErrFull) || !strings.Contains(err.Error(), "bench-") {
			t.Errorf("error %v, want a full disk and the key", err)
		}
	})
}

func TestOptionsNameEveryProblem(t *testing.T) {
	err := Options{Size: -1, Mix: "half"}.Validate()
	for _, want := range []string{"clients", "keys", "-1 bytes", "duration", `"half"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
	if err := options(Mixed).Validate(); err != nil {
		t.Errorf("good options are refused: %v", err)
	}
}

func TestTheReportReadsWell(t *testing.T) {
	r := Report{
		Clients: 16, Size: 1024, Keys: 10000, Mix: Mixed, Elapsed: 10 * time.Second,
		Verbs: []Verb{
			{Verb: "put", Count: 50_000, Rate: 5000, P50: 1500, P90: 2500, P99: 7000, P999: 12_000, Max: 31_234},
			{Verb: "get", Count: 51_000, Rate: 5100, P50: 800, P90: 900, P99: 1900, P999: 3000, Max: 9000,
				Errors: map[string]int64{"unavailable": 2, "quorum": 1}},
		},
	}
	var b bytes.Buffer
	if err := r.Human(&b); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/report.txt")
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
