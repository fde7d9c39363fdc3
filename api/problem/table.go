package problem

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/hengedb/henge/replication/request"
)

// What can be wrong with a request before it is one to the store. Sentinels of the
// store itself are in package request.
var (
	ErrNoRoute  = errors.New("no such path")
	ErrMethod   = errors.New("method not allowed")
	ErrEncoding = errors.New("unsupported content encoding")
	ErrCanceled = errors.New("canceled by the client")
	ErrInternal = errors.New("internal error") // a bug, or an error without a sentinel
)

// Row is one line of the table.
type Row struct {
	Err    error
	Code   string
	Status int
	Title  string
	Field  string        // the part of a request that is usually at fault
	After  time.Duration // Retry-After; 0 sends none
}

// statusCanceled is what nginx made usual for a client that went away. Nobody reads
// the answer; the number is for the metrics.
const statusCanceled = 499

// codeQuorum is the code that carries acks, causes and replicas.
const codeQuorum = "quorum"

// again is the Retry-After of a node that cannot serve now and soon may: in whole
// seconds, of which one is long beside a request and short beside a restart.
const again = time.Second

// Table returns every row. Where an error matches several, the first holds.
func Table() []Row { return slices.Clone(table) }

var table = rows()

func rows() []Row {
	return []Row{
		row(request.ErrBadKey, http.StatusBadRequest, "The key is not acceptable", "key"),
		row(request.ErrBadBucket, http.StatusBadRequest, "The bucket name is not acceptable", "bucket"),
		row(request.ErrBadKnob, http.StatusBadRequest, "A knob is not acceptable", ""),
		row(request.ErrBadContext, http.StatusBadRequest, "The context is not one of this key", "Henge-Context"),
		row(request.ErrBadValue, http.StatusBadRequest, "The value or what describes it is not acceptable", "body"),
		row(request.ErrTooLarge, http.StatusRequestEntityTooLarge, "The value is too large", "body"),
		{ErrEncoding, "unsupported_encoding", http.StatusUnsupportedMediaType, "The content encoding is not supported", "Content-Encoding", 0},
		{ErrNoRoute, "no_route", http.StatusNotFound, "There is nothing at this path", "path", 0},
		{ErrMethod, "method_not_allowed", http.StatusMethodNotAllowed, "The path does not have this method", "method", 0},
		row(request.ErrNotFound, http.StatusNotFound, "The key holds nothing", ""),
		row(request.ErrNoBucket, http.StatusNotFound, "The bucket does not exist", "bucket"),
		row(request.ErrBucketExists, http.StatusConflict, "The bucket exists, and is another", "bucket"),
		row(request.ErrNoNode, http.StatusNotFound, "The node does not exist", "node"),
		row(request.ErrChanging, http.StatusConflict, "A layout change is in flight", ""),
		row(request.ErrNoChange, http.StatusConflict, "No layout change is in flight", ""),
		row(request.ErrStalePlan, http.StatusConflict, "The plan is not the staged one", "plan"),
		row(request.ErrUnsafe, http.StatusUnprocessableEntity, "The change would break what is promised", "steps"),
		row(request.ErrPrecondition, http.StatusPreconditionFailed, "A condition does not hold", ""),
		row(request.ErrContextRequired, http.StatusPreconditionRequired, "The bucket wants a context", "Henge-Context"),
		row(request.ErrSiblingLimit, http.StatusConflict, "The key holds too many siblings", ""),
		{request.ErrOverload, request.CodeOf(request.ErrOverload), http.StatusServiceUnavailable, "The node is overloaded", "", again},
		{request.ErrNotReady, request.CodeOf(request.ErrNotReady), http.StatusServiceUnavailable, "The node is not ready", "", again},
		{request.ErrClosed, request.CodeOf(request.ErrClosed), http.StatusServiceUnavailable, "The node is closing", "", again},
		row(request.ErrFull, http.StatusInsufficientStorage, "The node's disk is full", ""),
		row(request.ErrStoreFailed, http.StatusServiceUnavailable, "The node's disk has failed", ""),
		row(request.ErrCorrupt, http.StatusServiceUnavailable, "The node's copy is damaged", ""),
		row(request.ErrTimeout, http.StatusGatewayTimeout, "Time ran out", ""),
		row(request.ErrQuorum, http.StatusServiceUnavailable, "Too few replicas answered", ""),
		{ErrCanceled, "canceled", statusCanceled, "The client went away", "", 0},
		internal(),
	}
}

// row is a line for a sentinel that package request names.
func row(err error, status int, title, field string) Row {
	return Row{Err: err, Code: request.CodeOf(err), Status: status, Title: title, Field: field}
}

// internal is the line for what has no other.
func internal() Row {
	return Row{Err: ErrInternal, Code: "internal", Status: http.StatusInternalServerError, Title: "Internal error"}
}

// find returns the row of err. A lost quorum keeps its code whatever its causes are,
// but is a timeout to HTTP when time was one of them, and no failure of ours when the
// client went away.
func find(err error) Row {
	if lost := (*request.QuorumError)(nil); errors.As(err, &lost) {
		r := rowOf(request.ErrQuorum)
		switch {
		case errors.Is(err, request.ErrTimeout):
			r.Status = http.StatusGatewayTimeout
		case errors.Is(err, request.ErrOverload):
			r.After = again
		case errors.Is(err, context.Canceled):
			r.Status = statusCanceled
		}
		return r
	}
	return rowOf(err)
}

func rowOf(err error) Row {
	for _, r := range table {
		if errors.Is(err, r.Err) {
			return r
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return rowOf(request.ErrTimeout)
	case errors.Is(err, context.Canceled):
		return rowOf(ErrCanceled)
	}
	return internal()
}

// sentinel is the inverse of a row's code; nil for a code of a newer version.
func sentinel(code string) error {
	for _, r := range table {
		if r.Code == code {
			return r.Err
		}
	}
	return nil
}
