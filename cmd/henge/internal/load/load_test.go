package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/records"
	"github.com/hengedb/henge/replication/request"
)

// store is a bucket in memory whose puts can be made to fail.
type store struct {
	mu       sync.Mutex
	values   map[string][]byte
	ops      map[string][]string // operation ids by key, one a try
	inFlight int
	most     int
	put      func(key string, try int) error // nil stores at once
}

func newStore(put func(key string, try int) error) *store {
	return &store{values: map[string][]byte{}, ops: map[string][]string{}, put: put}
}

func (s *store) Put(_ context.Context, key string, value []byte, o request.WriteOptions) (request.Receipt, error) {
	s.mu.Lock()
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	try := len(s.ops[key])
	s.ops[key] = append(s.ops[key], o.OpID)
	s.mu.Unlock()
	time.Sleep(time.Millisecond) // bubble time: lets the others in
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if s.put != nil {
		if err := s.put(key, try); err != nil {
			return request.Receipt{}, err
		}
	}
	s.values[key] = value
	return request.Receipt{}, nil
}

func (s *store) Get(_ context.Context, key string, _ request.ReadOptions) (request.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.values[key]
	if !ok {
		return request.Value{}, request.ErrNotFound
	}
	return request.Value{Siblings: []request.Sibling{{Data: value}}}, nil
}

func decoder(t *testing.T, input string) records.Decoder {
	t.Helper()
	dec, err := records.NewDecoder(strings.NewReader(input), records.NDJSON, "k")
	if err != nil {
		t.Fatal(err)
	}
	return dec
}

// lines makes n records of the given number of keys, in turn.
func lines(n, keys int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"k\":\"key%d\",\"n\":%d}\n", i%keys, i)
	}
	return b.String()
}

func counts(t *testing.T, tally *Tally, want Counts) {
	t.Helper()
	got := tally.Counts()
	got.Elapsed = 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestManyAreInFlightAndTheLastRecordOfAKeyStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tally := newStore(nil), &Tally{Started: time.Now()}
		if err := Import(t.Context(), decoder(t, lines(1000, 50)), s, tally, Options{Lanes: 16, Run: "r"}); err != nil {
			t.Fatal(err)
		}
		counts(t, tally, Counts{Records: 1000, Acked: 1000})
		if s.most < 8 || s.most > 16 {
			t.Errorf("at most %d puts were in flight, want 8 to 16", s.most)
		}
		for i := range 50 {
			key, want := fmt.Sprintf("key%d", i), fmt.Sprintf(`{"k":"key%d","n":%d}`, i, 950+i)
			if got := string(s.values[key]); got != want {
				t.Errorf("%s holds %s, want %s", key, got, want)
			}
		}
	})
}

func TestATryAgainIsTheSameOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(func(_ string, try int) error {
			if try < 3 {
				return &request.QuorumError{Outcome: request.Unknown}
			}
			return nil
		})
		tally := &Tally{Started: time.Now()}
		if err := Import(t.Context(), decoder(t, lines(2, 2)), s, tally, Options{Run: "r", Patience: time.Minute}); err != nil {
			t.Fatal(err)
		}
		counts(t, tally, Counts{Records: 2, Acked: 2, Retried: 6})
		if diff := cmp.Diff([]string{"r-2", "r-2", "r-2", "r-2"}, s.ops["key1"]); diff != "" {
			t.Errorf("operation ids (-want +got):\n%s", diff)
		}
	})
}

func TestARecordIsGivenUpWhenTryingCannotHelp(t *testing.T) {
	cases := map[string]struct {
		err   error
		tries int
	}{
		"a refusal is final":                  {request.ErrBadKey, 1},
		"an absent quorum is tried patiently": {&request.QuorumError{Outcome: request.None}, 5}, // 50, 100, 200, 400 ms
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, tally := newStore(func(string, int) error { return c.err }), &Tally{Started: time.Now()}
				var failures []Failure
				o := Options{Run: "r", Patience: time.Second, Failed: func(f Failure) { failures = append(failures, f) }}
				if err := Import(t.Context(), decoder(t, lines(1, 1)), s, tally, o); err != nil {
					t.Fatal(err)
				}
				if got := len(s.ops["key0"]); got != c.tries {
					t.Errorf("%d tries, want %d", got, c.tries)
				}
				if len(failures) != 1 || failures[0].Key != "key0" || failures[0].Line != 1 || !errors.Is(failures[0].Err, c.err) {
					t.Errorf("failures %+v, want one of key0 in line 1", failures)
				}
			})
		})
	}
}

func TestBadRecordsAreNamedAndPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tally := newStore(nil), &Tally{Started: time.Now()}
		var bad []string
		o := Options{Run: "r", Failed: func(f Failure) { bad = append(bad, fmt.Sprintf("%d %s", f.Line, f.Raw)) }}
		input := "{\"k\":\"a\"}\n{\"k\":7.5}\noops\n{\"k\":\"b\"}\n"
		if err := Import(t.Context(), decoder(t, input), s, tally, o); err != nil {
			t.Fatal(err)
		}
		counts(t, tally, Counts{Records: 4, Acked: 3, Bad: 1})
		if diff := cmp.Diff([]string{"3 oops"}, bad); diff != "" {
			t.Errorf("bad records (-want +got):\n%s", diff)
		}
	})
}

func TestAnInterruptWaitsForWhatIsInFlightAndBeginsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		s, tally := newStore(nil), &Tally{Started: time.Now()}
		time.AfterFunc(10*time.Millisecond+time.Microsecond, func() { cancel(exit.ErrInterrupted) })
		err := Import(ctx, decoder(t, lines(100_000, 1000)), s, tally, Options{Lanes: 4, Run: "r"})
		if !errors.Is(err, exit.ErrInterrupted) {
			t.Errorf("error %v, want the interrupt", err)
		}
		got := tally.Counts()
		if s.inFlight != 0 || got.Acked != int64(len(s.values)) || got.Acked < 11 || got.Acked > 44 {
			t.Errorf("%d acknowledged, %d stored, %d in flight; want at most 4 lanes times 11 ms, and none in flight",
				got.Acked, len(s.values), s.inFlight)
		}
		if got.Records != got.Acked+got.Failed {
			t.Errorf("%d records read, but %d acknowledged and %d failed: some are not accounted for", got.Records, got.Acked, got.Failed)
		}
	})
}

func TestAnInputThatBreaksOffEndsTheRunWithItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("disk on fire")
		dec, err := records.NewDecoder(io.MultiReader(strings.NewReader(lines(3, 3)), failing{broken}), records.NDJSON, "k")
		if err != nil {
			t.Fatal(err)
		}
		s, tally := newStore(nil), &Tally{Started: time.Now()}
		if err := Import(t.Context(), dec, s, tally, Options{Run: "r"}); !errors.Is(err, broken) {
			t.Errorf("error %v, want %v", err, broken)
		}
		counts(t, tally, Counts{Records: 3, Acked: 3})
	})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestVerifyFindsWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(nil)
		ledger := &Ledger{}
		tally := &Tally{Started: time.Now()}
		if err := Import(t.Context(), decoder(t, lines(20, 10)), s, tally, Options{Lanes: 3, Run: "r", Ledger: ledger}); err != nil {
			t.Fatal(err)
		}
		other := newStore(nil)
		maps.Copy(other.values, s.values)
		delete(s.values, "key3")
		delete(other.values, "key3")
		s.values["key4"], other.values["key4"] = []byte("old"), []byte("old")
		missing := map[string]string{}
		got, err := Verify(t.Context(), ledger, []Getter{s, other}, Reading{
			Lanes: 2, Missing: func(key, why string) { missing[key] = why },
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Verified{Checked: 10, Missing: 2}, got); diff != "" {
			t.Errorf("verified (-want +got):\n%s", diff)
		}
		want := map[string]string{"key3": "not found", "key4": "it holds another value (1 siblings)"}
		if diff := cmp.Diff(want, missing); diff != "" {
			t.Errorf("missing (-want +got):\n%s", diff)
		}
	})
}

func TestALaterPutInDoubtMayShow(t *testing.T) {
	value := func(data ...string) request.Value {
		var v request.Value
		for _, d := range data {
			v.Siblings = append(v.Siblings, request.Sibling{Data: []byte(d)})
		}
		return v
	}
	var l Ledger
	l.acked("a", []byte("old"))
	l.acked("a", []byte("sure"))
	l.doubtful("a", []byte("perhaps"), request.ErrTimeout)
	l.doubtful("a", []byte("refused"), request.ErrFull)
	l.doubtful("b", []byte("only in doubt"), request.ErrTimeout)
	for shown, want := range map[string]bool{"sure": true, "perhaps": true, "old": false, "refused": false} {
		if got := l.Holds("a", value(shown)); got != want {
			t.Errorf("%q counts as there: %v, want %v", shown, got, want)
		}
	}
	if !l.Holds("a", value("old", "sure")) {
		t.Error("a sibling that is the acknowledged value does not count")
	}
	for key := range l.Keys() {
		if key != "a" {
			t.Errorf("%q is verified, though nothing of it was acknowledged", key)
		}
	}
}

func TestAReadIsTriedAgainAtTheNextNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, there := &Ledger{}, newStore(nil)
		l.acked("a", []byte("x"))
		there.values["a"] = []byte("x")
		got, err := Verify(t.Context(), l, []Getter{away{}, there}, Reading{Patience: time.Second})
		if err != nil || got != (Verified{Checked: 1}) {
			t.Errorf("verified %+v, %v; want one key, found", got, err)
		}
		got, err = Verify(t.Context(), l, []Getter{away{}}, Reading{Patience: time.Second})
		if err != nil || got != (Verified{Checked: 1, Unread: 1}) {
			t.Errorf("verified %+v, %v; want one key that could not be read", got, err)
		}
	})
}

// away is a node that does not answer.
type away struct{}

func (away) Get(context.Context, string, request.ReadOptions) (request.Value, error) {
	return request.Value{}, request.ErrNotReady
}
