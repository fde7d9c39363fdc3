package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// ContentType is what a problem document is sent as.
const ContentType = "application/problem+json"

// Header repeats the code of a problem, for answers to HEAD, which have no body.
const Header = "Henge-Problem"

// typePrefix makes a URI of a code.
const typePrefix = "urn:henge:problem:"

// Problem is the body of an answer that is not a success. The zero value of a
// member that does not apply is left out.
type Problem struct {
	Type      string          `json:"type"`
	Title     string          `json:"title"`
	Status    int             `json:"status"`
	Detail    string          `json:"detail,omitempty"`
	Instance  string          `json:"instance,omitempty"` // the trace id
	Code      string          `json:"code"`
	Outcome   request.Outcome `json:"outcome,omitempty"` // what a failed write may have left behind
	Retryable bool            `json:"retryable"`         // the same request may succeed later or at another node
	Field     string          `json:"field,omitempty"`
	Acks      *int            `json:"acks,omitempty"` // of a lost quorum only
	Required  *int            `json:"required,omitempty"`
	Causes    []string        `json:"causes,omitempty"` // codes
	Replicas  []Replica       `json:"replicas,omitempty"`

	after time.Duration // Retry-After
}

// Replica is one node's part in a request that failed.
type Replica struct {
	Node   ring.NodeID    `json:"node"`
	Name   string         `json:"name,omitempty"`
	Role   request.Role   `json:"role"`
	Result request.Result `json:"result"`
	Millis float64        `json:"ms"`
	Detail string         `json:"detail,omitempty"`
}

// Of describes err, which is not nil.
func Of(err error) Problem {
	r := find(err)
	p := Problem{
		Type: typePrefix + r.Code, Title: r.Title, Status: r.Status, Detail: err.Error(), Code: r.Code,
		// The row's error counts too: a bare deadline is a timeout by its row alone.
		Outcome: request.OutcomeOf(err), Retryable: request.Retryable(errors.Join(err, r.Err)), Field: fieldOf(err, r), after: r.After,
	}
	var told interface{ WriteOutcome() request.Outcome }
	if p.Status < http.StatusInternalServerError && p.Status != statusCanceled && !errors.As(err, &told) {
		p.Outcome = request.None // refused before anything was asked, unless the error knows better
	}
	if lost := (*request.QuorumError)(nil); errors.As(err, &lost) {
		p.Acks, p.Required, p.Causes = &lost.Got, &lost.Need, causesOf(lost)
		for _, r := range lost.Replicas {
			p.Replicas = append(p.Replicas, Replica{
				Node: r.Node, Name: r.Name, Role: r.Role, Result: r.Result, Millis: millis(r.Elapsed), Detail: r.Detail,
			})
		}
	}
	return p
}

// causesOf names the sentinels among the causes, each once.
func causesOf(lost *request.QuorumError) []string {
	var codes []string
	for _, cause := range lost.Causes {
		code := rowOf(cause).Code
		if code != codeQuorum && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes
}

// millis keeps microseconds, which is as exact as a network lets one be.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Write answers with p.
func Write(w http.ResponseWriter, p Problem) {
	body, err := json.Marshal(p)
	if err != nil { // no member of a Problem of Of can fail
		body = []byte(`{"type":"urn:henge:problem:internal","title":"Internal error","status":500,"code":"internal","retryable":false}`)
	}
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set(Header, p.Code)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store") // a failure is of this moment
	if p.after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(p.after/time.Second)))
	}
	w.WriteHeader(p.Status)
	// The status is on its way: a client that went away is nobody to tell.
	_, _ = w.Write(body)
}
