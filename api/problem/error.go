package problem

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/hengedb/henge/replication/request"
)

// Error is a problem document as its receiver sees it. It matches the sentinel that
// the node met (errors.Is), and for a lost quorum a *request.QuorumError with every
// replica's part (errors.As).
type Error struct {
	Problem
	RetryAfter time.Duration // as the node asked; 0 if it did not
	cause      error
}

// Error is the node's own sentence.
func (e *Error) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	return fmt.Sprintf("HTTP status %d %s", e.Status, http.StatusText(e.Status))
}

// Unwrap is the sentinel or *request.QuorumError; nil when the node named none that
// this version knows.
func (e *Error) Unwrap() error { return e.cause }

// WriteOutcome is what the node said that a write may have left behind.
func (e *Error) WriteOutcome() request.Outcome {
	if e.Outcome == request.None {
		return request.None
	}
	return request.Unknown
}

// Decode reads an answer with a status of 400 or above. It never fails: what is no
// problem document (a proxy answered, or the body was cut) becomes an Error with the
// status alone, whose outcome is unknown.
func Decode(status int, contentType string, body []byte) *Error {
	e := &Error{}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != ContentType || json.Unmarshal(body, &e.Problem) != nil || e.Code == "" {
		return &Error{Problem: Problem{
			Title: http.StatusText(status), Status: status, Outcome: request.Unknown,
			Retryable: status >= http.StatusInternalServerError,
		}}
	}
	e.Status = status
	return As(e.Problem)
}

// As makes an error of a problem that was part of another document.
func As(p Problem) *Error {
	e := &Error{Problem: p, cause: sentinel(p.Code)}
	if p.Code == codeQuorum {
		e.cause = e.quorum()
	}
	return e
}

// Bare is Decode for an answer to HEAD, which has no body: all that is known is the
// code in its Header.
func Bare(status int, code string) *Error {
	e := &Error{Problem: Problem{Title: http.StatusText(status), Status: status, Code: code, Outcome: request.None}}
	e.cause = sentinel(code)
	if e.cause == nil {
		e.Retryable = status >= http.StatusInternalServerError
		return e
	}
	e.Detail, e.Retryable = e.cause.Error(), request.Retryable(e.cause)
	if code == codeQuorum {
		e.cause = e.quorum()
	}
	return e
}

// quorum rebuilds what the node knew.
func (e *Error) quorum() *request.QuorumError {
	lost := &request.QuorumError{Outcome: e.WriteOutcome()}
	if e.Required != nil && e.Acks != nil {
		lost.Need, lost.Got = *e.Required, *e.Acks
	}
	for _, r := range e.Replicas {
		lost.Replicas = append(lost.Replicas, request.ReplicaResult{
			Node: r.Node, Name: r.Name, Role: r.Role, Result: r.Result, Detail: r.Detail, Elapsed: elapsed(r.Millis),
		})
	}
	for _, code := range e.Causes {
		if err := sentinel(code); err != nil {
			lost.Causes = append(lost.Causes, err)
		}
	}
	return lost
}

// elapsed is the inverse of millis. Numbers beyond any request's time are noise.
func elapsed(ms float64) time.Duration {
	const hour = float64(time.Hour / time.Millisecond)
	if !(ms > 0 && ms < hour) {
		return 0
	}
	return time.Duration(ms*1000+0.5) * time.Microsecond
}
