package request

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hengedb/henge/ring"
)

// The sentinels of a request. Each has one status and code in api/problem.
var (
	ErrNotFound        = errors.New("not found")
	ErrBadKey          = errors.New("bad key")
	ErrBadBucket       = errors.New("bad bucket name")
	ErrNoBucket        = errors.New("no such bucket")
	ErrBucketExists    = errors.New("the bucket exists")
	ErrNoNode          = errors.New("no such node")
	ErrChanging        = errors.New("a layout change is in flight")
	ErrNoChange        = errors.New("no layout change is in flight")
	ErrStalePlan       = errors.New("the plan is not the staged one any more")
	ErrUnsafe          = errors.New("the change would break what is promised")
	ErrBadKnob         = errors.New("bad knob")
	ErrBadContext      = errors.New("bad context")
	ErrBadValue        = errors.New("bad value") // content type, metadata, body
	ErrTooLarge        = errors.New("value too large")
	ErrPrecondition    = errors.New("precondition failed")
	ErrContextRequired = errors.New("context required")
	ErrSiblingLimit    = errors.New("too many siblings")
	ErrQuorum          = errors.New("quorum not met")
	ErrTimeout         = errors.New("timed out")
	ErrOverload        = errors.New("overloaded")
	ErrNotReady        = errors.New("not ready") // no document yet, or draining
	ErrFull            = errors.New("disk full")
	ErrStoreFailed     = errors.New("store failed")
	ErrCorrupt         = errors.New("corrupt block")
	ErrClosed          = errors.New("closed")
)

// Outcome says what a failed write may have left behind.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"    // it was acknowledged
	None    Outcome = "none"    // no replica was asked, or none can hold it: retry freely
	Unknown Outcome = "unknown" // some replica may hold it: retry with the same operation id
)

// Role is what a node was to the key when it was asked.
type Role string

// The roles.
const (
	Primary  Role = "primary"
	Fallback Role = "fallback"
)

// Result is one word for how a replica answered.
type Result string

// The results.
const (
	ResultOK          Result = "ok"
	ResultSame        Result = "same"        // a read: it holds what the asker holds
	ResultRefused     Result = "refused"     // it answered no; Detail says why
	ResultUnreachable Result = "unreachable" // no connection, or the connection broke
	ResultTimeout     Result = "timeout"     // no answer in time
	ResultDown        Result = "down"        // not asked: known to be away
	ResultPending     Result = "pending"     // asked, and the request ended before its answer
)

// ReplicaResult is one node's part in a request.
type ReplicaResult struct {
	Node    ring.NodeID
	Name    string
	Role    Role
	Result  Result
	Detail  string // the reason of a refusal or failure
	Elapsed time.Duration
}

// QuorumError says that fewer nodes than needed answered, and what each said.
// It matches ErrQuorum, and whatever its causes match.
type QuorumError struct {
	Op       string // "get", "put", "delete"
	Bucket   string
	Key      string
	Outcome  Outcome
	Need     int
	Got      int
	Replicas []ReplicaResult
	Causes   []error
}

// Error is one sentence with every replica's reason.
func (e *QuorumError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q in bucket %q: %d of %d answers, outcome %s", e.Op, e.Key, e.Bucket, e.Got, e.Need, e.Outcome)
	for i, r := range e.Replicas {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s (%s) %s", sep, r.Name, r.Role, r.Result)
		if r.Detail != "" {
			fmt.Fprintf(&b, " %s", r.Detail)
		}
	}
	return b.String()
}

// Unwrap lets errors.Is find ErrQuorum and the causes.
func (e *QuorumError) Unwrap() []error { return append([]error{ErrQuorum}, e.Causes...) }

// OutcomeOf says what err left behind: an error with a WriteOutcome method and a
// QuorumError know; everything that is refused before a replica is asked is None;
// what is not known is Unknown.
func OutcomeOf(err error) Outcome {
	var told interface{ WriteOutcome() Outcome }
	var quorum *QuorumError
	switch {
	case err == nil:
		return Done
	case errors.As(err, &told):
		return told.WriteOutcome()
	case errors.As(err, &quorum):
		return quorum.Outcome
	}
	for _, refused := range refusals {
		if errors.Is(err, refused) {
			return None
		}
	}
	return Unknown
}

// refusals are the sentinels that are returned only before any replica is asked.
var refusals = []error{
	ErrNotFound, ErrBadKey, ErrBadBucket, ErrNoBucket, ErrBucketExists, ErrNoNode, ErrChanging, ErrNoChange, ErrStalePlan, ErrUnsafe,
	ErrBadKnob, ErrBadContext, ErrBadValue, ErrTooLarge,
	ErrPrecondition, ErrContextRequired, ErrSiblingLimit, ErrOverload, ErrNotReady, ErrFull, ErrClosed,
}

// Retryable reports whether the same request may succeed when it is sent again,
// later or to another node. A write whose outcome is not None is sent again with the
// same operation id only.
func Retryable(err error) bool {
	if lost := (*QuorumError)(nil); errors.As(err, &lost) {
		return true // whatever its causes are: other nodes may see it otherwise
	}
	for _, final := range finals {
		if errors.Is(err, final) {
			return false
		}
	}
	for _, passing := range passings {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// finals are the sentinels that the same request meets again, wherever it goes.
var finals = []error{
	ErrNotFound, ErrBadKey, ErrBadBucket, ErrNoBucket, ErrBucketExists, ErrNoNode, ErrChanging, ErrNoChange, ErrStalePlan, ErrUnsafe,
	ErrBadKnob, ErrBadContext, ErrBadValue, ErrTooLarge,
	ErrPrecondition, ErrContextRequired, ErrSiblingLimit,
}

// passings are the sentinels of a moment or of one node.
var passings = []error{ErrOverload, ErrNotReady, ErrTimeout, ErrQuorum, ErrFull, ErrStoreFailed, ErrCorrupt, ErrClosed}
