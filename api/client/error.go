package client

import (
	"fmt"
	"strings"
	"time"

	"github.com/hengedb/henge/replication/request"
)

// Error is a call that came to no single node's answer: nodes could not be reached,
// time ran out, or what one attempt may have left behind is more than what the last
// one says. It matches whatever its cause and its attempts' errors match, and
// request.OutcomeOf finds its outcome.
type Error struct {
	Op      string // "get", "put", "delete", "scan", "status", "explain"
	Bucket  string // empty where the operation has none
	Key     string
	Outcome request.Outcome
	Cause   error // why it was given up: ctx's cause, or request.ErrTimeout; nil: no attempt was left
	Tries   []Try
}

// Try is one attempt of a call.
type Try struct {
	URL     string // of the node
	Elapsed time.Duration
	Err     error // nil: there was no answer when the call ended
}

// Error is one sentence with every attempt's reason, each reason of a node once.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Bucket != "" {
		fmt.Fprintf(&b, " %q in bucket %q", e.Key, e.Bucket)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	fmt.Fprintf(&b, ", outcome %s, %d tries", e.Outcome, len(e.Tries))
	sep, told := ": ", make(map[string]bool)
	for _, t := range e.Tries {
		reason := t.URL + ": no answer"
		if t.Err != nil {
			reason = fmt.Sprintf("%s: %v", t.URL, t.Err)
		}
		if told[reason] {
			continue
		}
		told[reason] = true
		b.WriteString(sep + reason)
		if sep = "; "; t.Err == nil {
			fmt.Fprintf(&b, " after %v", t.Elapsed.Round(time.Millisecond))
		}
	}
	return b.String()
}

// Unwrap lets errors.Is and errors.As look into the cause and every attempt.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.Cause != nil {
		errs = append(errs, e.Cause)
	}
	for _, t := range e.Tries {
		if t.Err != nil {
			errs = append(errs, t.Err)
		}
	}
	return errs
}

// WriteOutcome is Outcome, for request.OutcomeOf.
func (e *Error) WriteOutcome() request.Outcome { return e.Outcome }
