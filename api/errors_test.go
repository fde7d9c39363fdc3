package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/replication/request"
)

// A failure of the store has one status and code, whatever asked.
func TestEveryFailureHasItsStatusAndCode(t *testing.T) {
	const (
		reads  = 1 << iota // GET and HEAD of a key
		others             // listings and explanations
		puts
		deletes
	)
	for name, tc := range map[string]struct {
		err    error
		of     int
		status int
		code   string
		after  string
	}{
		"the key holds nothing":      {request.ErrNotFound, reads, 404, "not_found", ""},
		"there is no bucket":         {request.ErrNoBucket, reads | others | puts | deletes, 404, "no_bucket", ""},
		"too many siblings":          {request.ErrSiblingLimit, puts, 409, "sibling_limit", ""},
		"a context is wanted":        {request.ErrContextRequired, puts, 428, "context_required", ""},
		"the node is overloaded":     {request.ErrOverload, reads | others | puts | deletes, 503, "overload", "1"},
		"the node is not ready":      {request.ErrNotReady, reads | others | puts | deletes, 503, "not_ready", "1"},
		"the node is closing":        {request.ErrClosed, reads | others | puts | deletes, 503, "closed", "1"},
		"the disk failed":            {request.ErrStoreFailed, reads | others | puts | deletes, 503, "store_failed", ""},
		"the copy is damaged":        {request.ErrCorrupt, reads | others | puts | deletes, 503, "corrupt", ""},
		"the disk is full":           {request.ErrFull, puts | deletes, 507, "disk_full", ""},
		"too few nodes answered":     {lost(), reads | others | puts | deletes, 503, "quorum", ""},
		"too few, by overload":       {lost(request.ErrOverload), reads | puts | deletes, 503, "quorum", "1"},
		"too few in time":            {lost(request.ErrTimeout), reads | others | puts | deletes, 504, "quorum", ""},
		"time ran out":               {request.ErrTimeout, reads | others | puts | deletes, 504, "timeout", ""},
		"an error without a name":    {errors.New("surprise"), reads | others | puts | deletes, 500, "internal", ""},
		"an error that wraps one":    {fmt.Errorf("layer: %w", request.ErrOverload), reads | puts, 503, "overload", "1"},
		"a condition does not hold":  {request.ErrPrecondition, puts | deletes, 412, "precondition_failed", ""},
		"the value is too large yet": {request.ErrTooLarge, puts, 413, "too_large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, &scripted{err: tc.err})
			for _, r := range []struct {
				of      int
				request *http.Request
			}{
				{reads, ask("GET", key, "")},
				{reads, ask("HEAD", key, "")},
				{others, ask("GET", "/v1/buckets/default/keys", "")},
				{others, ask("GET", "/v1/buckets/default/explain/k", "")},
				{puts, ask("PUT", key, "v")},
				{deletes, ask("DELETE", key, "")},
			} {
				if r.of&tc.of == 0 {
					continue
				}
				answer := wants(t, do(t, h, r.request), tc.status)
				p := complaint(t, answer)
				if p.Code != tc.code || answer.Header.Get("Retry-After") != tc.after {
					t.Errorf("%s: code %q, Retry-After %q; want %q, %q", r.request.Method, p.Code, answer.Header.Get("Retry-After"), tc.code, tc.after)
				}
				if reading := r.of&(reads|others) != 0; reading && p.Outcome != request.None {
					t.Errorf("%s: outcome %q of what changes nothing", r.request.Method, p.Outcome)
				}
			}
		})
	}
}

// A lost quorum tells what each replica did, and whether some may hold the write.
func TestALostQuorumTellsEveryReplicasReason(t *testing.T) {
	h := serve(t, &scripted{err: lost(request.ErrTimeout)})
	p := complaint(t, wants(t, do(t, h, ask("PUT", key, "v", "Traceparent", traced)), 504))
	if p.Acks == nil || *p.Acks != 1 || p.Required == nil || *p.Required != 2 || p.Outcome != request.Unknown || !p.Retryable {
		t.Errorf("problem %+v", p)
	}
	want := []problem.Replica{
		{Node: 1, Name: "n1", Role: "primary", Result: "ok", Millis: 1.5},
		{Node: 2, Name: "n2", Role: "fallback", Result: "timeout", Detail: "silent"},
	}
	if len(p.Replicas) != 2 || p.Replicas[0] != want[0] || p.Replicas[1] != want[1] {
		t.Errorf("replicas %+v, want %+v", p.Replicas, want)
	}
	if p.Instance != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("instance %q is not the trace id", p.Instance)
	}
}

// unsure is a refusal of what another coordinator may have begun.
type unsure struct{ error }

func (u unsure) Unwrap() error               { return u.error }
func (unsure) WriteOutcome() request.Outcome { return request.Unknown }

func TestARefusalOfWhatMayBeWrittenSaysSo(t *testing.T) {
	for status, err := range map[int]error{
		400: request.ErrBadContext, 404: request.ErrNoBucket, 409: request.ErrSiblingLimit, 412: request.ErrPrecondition,
		413: request.ErrTooLarge, 428: request.ErrContextRequired,
	} {
		h := serve(t, &scripted{err: unsure{err}})
		p := complaint(t, wants(t, do(t, h, ask("PUT", key, "v", "If-None-Match", "*")), status))
		if p.Outcome != request.Unknown {
			t.Errorf("%v: outcome %q", err, p.Outcome)
		}
	}
}

const traced = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestATraceIsKeptOrBegun(t *testing.T) {
	for name, tc := range map[string]struct {
		sent []string
		kept bool
	}{
		"a trace":                        {[]string{traced}, true},
		"one of a later version":         {[]string{"01" + traced[2:] + "-more"}, true},
		"none":                           {nil, false},
		"two":                            {[]string{traced, traced}, false},
		"one in capitals":                {[]string{"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"}, false},
		"one of zeroes":                  {[]string{"00-00000000000000000000000000000000-00f067aa0ba902b7-01"}, false},
		"one whose parent is zeroes":     {[]string{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"}, false},
		"one of the forbidden version":   {[]string{"ff" + traced[2:]}, false},
		"one that is cut":                {[]string{traced[:54]}, false},
		"version 00 with more":           {[]string{traced + "-more"}, false},
		"a later version without a dash": {[]string{"01" + traced[2:] + "more"}, false},
		"a later version with a control": {[]string{"01" + traced[2:] + "-\x01"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			keys := &scripted{value: oneValue()}
			r := ask("GET", key, "")
			for _, sent := range tc.sent {
				r.Header.Add("Traceparent", sent)
			}
			do(t, serve(t, keys), r)
			got := keys.read.Trace
			if kept := len(tc.sent) == 1 && got == tc.sent[0]; kept != tc.kept {
				t.Errorf("sent %q, handed on %q", tc.sent, got)
			}
			if len(got) < len(traced) {
				t.Errorf("handed on %q: want a trace in any case", got)
			}
		})
	}
}

func TestKnobsReachTheStore(t *testing.T) {
	keys := &scripted{value: oneValue()}
	h := serve(t, keys)
	do(t, h, ask("HEAD", key+"?r=quorum&strict=true&timeout=2s", ""))
	read := keys.read
	read.Trace = ""
	if want := (request.ReadOptions{R: request.Quorum, Strict: request.On, Timeout: 2e9, NoValue: true}); read != want {
		t.Errorf("a head asks for %+v, want %+v: it moves no value", read, want)
	}
	do(t, h, ask("GET", key, ""))
	if keys.read.NoValue || keys.read.R != request.Default || keys.read.Strict != request.Unset {
		t.Errorf("a plain get asks for %+v", keys.read)
	}
	do(t, h, ask("PUT", key+"?w=2&strict=false&sync=false&timeout=250", "v", "If-Match", `"t"`))
	w := keys.write
	if w.W != 2 || w.Strict != request.Off || w.Unsynced != request.On || w.Timeout != 250e6 || w.IfMatch != "t" {
		t.Errorf("a put asks for %+v", w)
	}
	do(t, h, ask("GET", "/v1/buckets/b/keys?prefix=a%2F&cursor=YQ&limit=7&values=true&strict=true&timeout=3s", ""))
	want := request.ScanOptions{Prefix: "a/", Cursor: "YQ", Limit: 7, Values: true, Strict: request.On, Timeout: 3e9}
	if keys.scan != want || keys.bucket != "b" {
		t.Errorf("a listing asks for %+v of %q, want %+v", keys.scan, keys.bucket, want)
	}
}
