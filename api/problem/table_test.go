package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/replication/request"
)

// sent writes err as an answer and reads it as a client does.
func sent(t *testing.T, err error) (*httptest.ResponseRecorder, *problem.Error) {
	t.Helper()
	w := httptest.NewRecorder()
	problem.Write(w, problem.Of(err))
	return w, problem.Decode(w.Code, w.Header().Get("Content-Type"), w.Body.Bytes())
}

// Every row is read back as what it was: by its body, and by its header alone.
func TestEveryRowIsReadBack(t *testing.T) {
	codes := make(map[string]bool)
	for _, row := range problem.Table() {
		t.Run(row.Code, func(t *testing.T) {
			if codes[row.Code] {
				t.Errorf("the code %q stands twice", row.Code)
			}
			codes[row.Code] = true
			err := fmt.Errorf("layer: %w", row.Err)
			w, got := sent(t, err)
			if w.Code != row.Status || got.Status != row.Status || got.Code != row.Code || got.Title != row.Title || got.Field != row.Field {
				t.Errorf("got %+v, want row %+v", got.Problem, row)
			}
			if !errors.Is(got, row.Err) || got.Error() != err.Error() {
				t.Errorf("read back as %v", got)
			}
			if want := request.Retryable(err); got.Retryable != want {
				t.Errorf("retryable %v, want %v", got.Retryable, want)
			}
			after := ""
			if row.After > 0 {
				after = strconv.Itoa(int(row.After / time.Second))
			}
			if got := w.Header().Get("Retry-After"); got != after {
				t.Errorf("Retry-After %q, want %q", got, after)
			}
			bare := problem.Bare(w.Code, w.Header().Get(problem.Header))
			if !errors.Is(bare, row.Err) || bare.Status != row.Status || bare.Outcome != request.None {
				t.Errorf("by its header alone: %+v", bare)
			}
			for _, other := range problem.Table() {
				if errors.Is(got, other.Err) != errors.Is(row.Err, other.Err) {
					t.Errorf("it matches %v: %v", other.Err, errors.Is(got, other.Err))
				}
			}
		})
	}
}

// unsure is a refusal of what another coordinator may have begun.
type unsure struct{ error }

func (u unsure) Unwrap() error               { return u.error }
func (unsure) WriteOutcome() request.Outcome { return request.Unknown }

// A refusal says that nothing was written, unless it knows that something may be.
func TestARefusalThatKnowsItsOutcomeKeepsIt(t *testing.T) {
	for _, row := range problem.Table() {
		if _, got := sent(t, unsure{row.Err}); got.Status != row.Status || got.WriteOutcome() != request.Unknown {
			t.Errorf("%s of unknown outcome is read back as %+v", row.Code, got.Problem)
		}
		if _, got := sent(t, row.Err); row.Status < 499 && got.WriteOutcome() != request.None {
			t.Errorf("%s is read back with outcome %s", row.Code, got.WriteOutcome())
		}
	}
}

func TestEverySentinelOfARequestHasARow(t *testing.T) {
	for _, err := range []error{
		request.ErrNotFound, request.ErrBadKey, request.ErrBadBucket, request.ErrNoBucket, request.ErrBadKnob, request.ErrBucketExists,
		request.ErrNoNode, request.ErrChanging, request.ErrNoChange, request.ErrStalePlan, request.ErrUnsafe,
		request.ErrBadContext, request.ErrBadValue, request.ErrTooLarge, request.ErrPrecondition, request.ErrContextRequired,
		request.ErrSiblingLimit, request.ErrQuorum, request.ErrTimeout, request.ErrOverload, request.ErrNotReady,
		request.ErrFull, request.ErrStoreFailed, request.ErrCorrupt, request.ErrClosed,
	} {
		if p := problem.Of(err); p.Code != request.CodeOf(err) || p.Code == "internal" {
			t.Errorf("%v has the code %q here and %q in package request", err, p.Code, request.CodeOf(err))
		}
	}
}

func TestALostQuorumIsReadBackWhole(t *testing.T) {
	lost := &request.QuorumError{
		Outcome: request.Unknown, Need: 2, Got: 1, Causes: []error{request.ErrTimeout, request.ErrFull},
		Replicas: []request.ReplicaResult{
			{Node: 0xa1, Name: "n1", Role: request.Primary, Result: request.ResultOK, Elapsed: 1500 * time.Microsecond},
			{Node: 0xa2, Name: "n2", Role: request.Fallback, Result: request.ResultRefused, Detail: "disk full"},
		},
	}
	w, got := sent(t, fmt.Errorf("put: %w", lost))
	var back *request.QuorumError
	if !errors.As(got, &back) || w.Code != http.StatusGatewayTimeout {
		t.Fatalf("status %d: %v", w.Code, got)
	}
	if diff := cmp.Diff(*lost, *back, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("(-sent +read):\n%s", diff)
	}
	if !errors.Is(got, request.ErrQuorum) || !errors.Is(got, request.ErrTimeout) || !errors.Is(got, request.ErrFull) || request.OutcomeOf(got) != request.Unknown {
		t.Errorf("matches too little: %v", got)
	}
}

func TestWhatHasNoRowIsInternalAndUnknown(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"an error without a name": {errors.New("surprise"), 500, "internal"},
		"a deadline":              {context.DeadlineExceeded, 504, "timeout"},
		"a client that went away": {context.Canceled, 499, "canceled"},
		"one that was asked for":  {&request.QuorumError{Causes: []error{context.Canceled}}, 499, "quorum"},
		"a field of one":          {problem.Field("r", request.ErrBadKnob), 400, "bad_knob"},
	} {
		if p := problem.Of(tc.err); p.Status != tc.status || p.Code != tc.code {
			t.Errorf("%s: %d %s, want %d %s", name, p.Status, p.Code, tc.status, tc.code)
		}
	}
	if !problem.Of(context.DeadlineExceeded).Retryable {
		t.Error("a deadline may be met the next time")
	}
	if problem.Of(errors.New("surprise")).Outcome != request.Unknown {
		t.Error("nobody knows what an error without a name left behind")
	}
	if problem.Field("r", nil) != nil {
		t.Error("no error became one")
	}
}

func TestAnAnswerThatIsNoProblemIsAnErrorOfUnknownOutcome(t *testing.T) {
	for name, tc := range map[string]struct{ contentType, body string }{
		"a proxy's page":         {"text/html", "<html>"},
		"another JSON":           {"application/json", `{"code":"timeout"}`},
		"a problem of elsewhere": {problem.ContentType, `{"title":"no code"}`},
		"a problem that was cut": {problem.ContentType, `{"code":"not_f`},
		"no type":                {"", ""},
	} {
		got := problem.Decode(502, tc.contentType, []byte(tc.body))
		if got.Status != 502 || got.Code != "" || request.OutcomeOf(got) != request.Unknown || !got.Retryable || got.Error() == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	newer := problem.Decode(503, problem.ContentType, []byte(`{"code":"of_a_newer_version","detail":"d","outcome":"none","retryable":true}`))
	if newer.Unwrap() != nil || !newer.Retryable || newer.Error() != "d" || request.OutcomeOf(newer) != request.None {
		t.Errorf("a code of a newer version: %+v", newer)
	}
}

// FuzzDecode: whatever a node, or what stands between, answers is an error.
func FuzzDecode(f *testing.F) {
	for _, row := range problem.Table() {
		body, err := json.Marshal(problem.Of(row.Err))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(row.Status, problem.ContentType, body)
	}
	f.Add(503, problem.ContentType, []byte(`{"code":"quorum","causes":["quorum","timeout"],"replicas":[{"ms":1e308},{"ms":-1}],"acks":-5}`))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		e := problem.Decode(status, contentType, body)
		if e.Error() == "" || e.Status != status {
			t.Errorf("%+v", e)
		}
		if o := request.OutcomeOf(e); o != request.None && o != request.Unknown {
			t.Errorf("outcome %q", o)
		}
		if lost, ok := errors.AsType[*request.QuorumError](e); ok {
			for _, r := range lost.Replicas {
				if r.Elapsed < 0 || r.Elapsed > time.Hour {
					t.Errorf("elapsed %v", r.Elapsed)
				}
			}
		}
	})
}
