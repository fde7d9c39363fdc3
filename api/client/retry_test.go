package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/replication/request"
)

// script answers as it is told, and keeps what was asked.
type script struct {
	mu    sync.Mutex
	ops   []string // operation ids
	asked int
	errs  []error // of the answers, in order; then success
	raw   func(http.ResponseWriter)
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ops = append(s.ops, r.Header.Get("Idempotency-Key"))
	s.asked++
	if s.raw != nil {
		s.raw(w)
		return
	}
	if len(s.errs) > 0 {
		err := s.errs[0]
		s.errs = s.errs[1:]
		problem.Write(w, problem.Of(err))
		return
	}
	h := w.Header()
	h.Set("Henge-Acks", "1/1; primary=1; durable=1; hinted=0")
	h.Set("Henge-Need", "1")
	h.Set("Henge-Siblings", "1")
	h.Set("Henge-Answers", "1/1; primary=1")
	if r.Method == http.MethodPut {
		w.WriteHeader(http.StatusNoContent)
	}
}

func lostQuorum(outcome request.Outcome) error {
	return &request.QuorumError{Outcome: outcome, Need: 2, Got: 1, Replicas: []request.ReplicaResult{{Node: 1, Name: "n1", Role: request.Primary, Result: request.ResultDown, Detail: "why"}}}
}

func TestRetriesGoByOutcomeUnderOneOperation(t *testing.T) {
	for name, tc := range map[string]struct {
		errs    []error
		asked   int
		is      error
		outcome request.Outcome
	}{
		"a success":                       {nil, 1, nil, request.Done},
		"a moment's overload":             {[]error{request.ErrOverload}, 2, nil, request.Done},
		"a lost quorum, then a success":   {[]error{lostQuorum(request.Unknown)}, 2, nil, request.Done},
		"a full disk, then a success":     {[]error{request.ErrFull}, 2, nil, request.Done},
		"what is final is not tried":      {[]error{request.ErrPrecondition}, 1, request.ErrPrecondition, request.None},
		"a bad context is not tried":      {[]error{request.ErrBadContext}, 1, request.ErrBadContext, request.None},
		"quorums that stay lost":          {slices.Repeat([]error{lostQuorum(request.None)}, 9), 4, request.ErrQuorum, request.None},
		"one of which may hold the write": {append([]error{lostQuorum(request.Unknown)}, slices.Repeat([]error{lostQuorum(request.None)}, 9)...), 4, request.ErrQuorum, request.Unknown},
		"a refusal does not hide what an earlier try left": {
			[]error{lostQuorum(request.Unknown), request.ErrSiblingLimit}, 2, request.ErrSiblingLimit, request.Unknown,
		},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			s := &script{errs: tc.errs}
			_, err := dialInBubble(t, s).Bucket("b").Put(t.Context(), "k", []byte("v"), henge.WriteOptions{})
			if !errors.Is(err, tc.is) || henge.OutcomeOf(err) != tc.outcome {
				t.Errorf("%v, outcome %s; want %v, %s", err, henge.OutcomeOf(err), tc.is, tc.outcome)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if ids := slices.Compact(slices.Clone(s.ops)); s.asked != tc.asked || len(ids) != 1 || ids[0] == "" {
				t.Errorf("%d requests with the operations %q; want %d of one operation", s.asked, s.ops, tc.asked)
			}
		}))
	}
}

// A lost quorum comes over HTTP with every replica's reason.
func TestALostQuorumIsOneOverHTTPToo(t *testing.T) {
	s := &script{errs: slices.Repeat([]error{lostQuorum(request.None)}, 9)}
	_, err := dial(t, s).Bucket("b").Get(t.Context(), "k", henge.ReadOptions{})
	var lost *henge.QuorumError
	if !errors.As(err, &lost) || lost.Need != 2 || lost.Got != 1 || len(lost.Replicas) != 1 || lost.Replicas[0].Detail != "why" {
		t.Fatalf("%v", err)
	}
}

// The next node is asked in the place of one that is not there, and the call tells
// of both when none is.
func TestADeadNodeIsPassedOver(t *testing.T) {
	node := openNode(t)
	live := dial(t, node.Handler(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	for i := range 20 {
		must(t, live.Bucket("b"), fmt.Sprint(i), "v", henge.WriteOptions{})
	}
	c, err := client.New(client.Options{URLs: []string{"http://127.0.0.1:1", "http://127.0.0.1:2"}, Pinned: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Bucket("b").Put(t.Context(), "k", []byte("v"), henge.WriteOptions{})
	var call *client.Error
	if !errors.As(err, &call) || henge.OutcomeOf(err) != henge.None || len(call.Tries) < 2 || !strings.Contains(err.Error(), "127.0.0.1:2") {
		t.Errorf("with no node at all: %v, outcome %s; want none: nothing was sent", err, henge.OutcomeOf(err))
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Bucket("b").Get(t.Context(), "k", henge.ReadOptions{}); !errors.Is(err, henge.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := c.Close(); !errors.Is(err, henge.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

// A node that is silent is not waited for to the end: another is asked besides.
func TestASilentNodeIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		silent := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
		b := dialInBubble(t, silent, openNode(t).Handler()).Bucket("b")
		for i := range 4 {
			started := time.Now()
			if _, err := b.Put(t.Context(), fmt.Sprint(i), []byte("v"), henge.WriteOptions{Timeout: 6 * time.Second}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(started); took > 3*time.Second+time.Millisecond {
				t.Errorf("waited %v of 6 s, want half of it at most", took)
			}
		}
	})
}

// A call that its caller ends tells why, and that the write may have come through.
func TestACallersEndIsTold(t *testing.T) {
	reached := make(chan struct{})
	c := dial(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(reached)
		<-r.Context().Done()
	}))
	planted := errors.New("planted")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-reached; cancel(planted) }()
	_, err := c.Bucket("b").Put(ctx, "k", []byte("v"), henge.WriteOptions{Timeout: time.Minute})
	if !errors.Is(err, planted) || henge.OutcomeOf(err) != henge.Unknown {
		t.Errorf("%v, outcome %s", err, henge.OutcomeOf(err))
	}
}

// What a node answers is read within bounds, and what is no answer of ours is an
// error.
func TestAnswersThatAreNone(t *testing.T) {
	endless := func(w http.ResponseWriter) {
		w.Header().Set("Henge-Siblings", "1")
		piece := bytes.Repeat([]byte("x"), 1<<20)
		for range 97 {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}
	for name, tc := range map[string]struct {
		raw   func(http.ResponseWriter)
		words string
	}{
		"an answer that says it is huge": {func(w http.ResponseWriter) { w.Header().Set("Content-Length", "99999999999") }, "limit"},
		"an answer without an end":       {endless, "more than"},
		"siblings that are no JSON":      {func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) }, "malformed"},
		"answers that are none":          {func(w http.ResponseWriter) { w.Header().Set("Henge-Answers", "many") }, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dial(t, &script{raw: tc.raw}).Bucket("b").Get(t.Context(), "k", henge.ReadOptions{Timeout: 30 * time.Second})
			if err == nil || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("%v", err)
			}
		})
	}
	noReceipt := &script{raw: func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }}
	if _, err := dial(t, noReceipt).Bucket("b").Put(t.Context(), "k", nil, henge.WriteOptions{}); err == nil || henge.OutcomeOf(err) != henge.Unknown {
		t.Errorf("a put without a receipt: %v", err)
	}
}
