package exit

import (
	"context"
	"errors"
	"io/fs"
	"net"

	"github.com/hengedb/henge/replication/request"
)

// ErrInterrupted is the cause of a context that a signal ended.
var ErrInterrupted = errors.New("interrupted")

// coded is an error whose code is known where it arose.
type coded struct {
	code Code
	err  error
}

func (e *coded) Error() string { return e.err.Error() }
func (e *coded) Unwrap() error { return e.err }

// With gives err a code that overrides what Of would find. A nil err stays nil.
func With(code Code, err error) error {
	if err == nil {
		return nil
	}
	return &coded{code: code, err: err}
}

// Of returns the code of err: the one it was given, else what its kind asks for.
func Of(err error) Code {
	if err == nil {
		return OK
	}
	if known, ok := errors.AsType[*coded](err); ok {
		return known.code
	}
	switch {
	case errors.Is(err, ErrInterrupted), errors.Is(err, context.Canceled):
		return Interrupted
	case errors.Is(err, request.ErrQuorum) && request.OutcomeOf(err) == request.None:
		return Quorum
	case errors.Is(err, request.ErrQuorum):
		return Unknown
	}
	for _, row := range sentinels {
		if errors.Is(err, row.sentinel) {
			return row.code
		}
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return Failure // its cause would pass for the network's
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return Unavailable
	}
	return Failure
}

// OfRead is Of for a request that writes nothing: what is unknown of a write is
// no more than too few answers here.
func OfRead(err error) Code {
	if code := Of(err); code != Unknown {
		return code
	}
	return Quorum
}

// Passing reports whether code is of a failure that may be gone at the next try.
func (c Code) Passing() bool { return c == Quorum || c == Unknown || c == Unavailable }

// sentinels are looked up after quorum errors, which may carry some as causes.
var sentinels = []struct {
	sentinel error
	code     Code
}{
	{request.ErrNotFound, NotFound},
	{request.ErrNoBucket, NotFound},
	{request.ErrBucketExists, Conflict},
	{request.ErrNoNode, NotFound},
	{request.ErrChanging, Conflict},
	{request.ErrNoChange, Conflict},
	{request.ErrStalePlan, Conflict},
	{request.ErrUnsafe, Conflict},
	{request.ErrPrecondition, Conflict},
	{request.ErrContextRequired, Conflict},
	{request.ErrSiblingLimit, Conflict},
	{request.ErrBadKey, Usage},
	{request.ErrBadBucket, Usage},
	{request.ErrBadKnob, Usage},
	{request.ErrBadContext, Usage},
	{request.ErrBadValue, Usage},
	{request.ErrTooLarge, Usage},
	{request.ErrOverload, Unavailable},
	{request.ErrNotReady, Unavailable},
	{request.ErrFull, Unavailable},
	{request.ErrStoreFailed, Unavailable},
	{request.ErrClosed, Unavailable},
	{request.ErrTimeout, Unknown},
	{context.DeadlineExceeded, Unknown},
}
