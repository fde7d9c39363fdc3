package history

import (
	"fmt"
	"slices"
	"time"
)

// Type says where an operation stands.
type Type string

// The types. An operation is an Invoke and at most one of the others.
const (
	Invoke Type = "invoke"
	OK     Type = "ok"   // it happened
	Fail   Type = "fail" // it did not happen and never will
	Info   Type = "info" // it may have happened, or may happen yet
)

// F is what an operation does.
type F string

// The functions. A Fault is what was done to the cluster, by no process: its Value
// tells it in words.
const (
	Get    F = "get"
	Put    F = "put"
	Delete F = "delete"
	Fault  F = "fault"
)

// Final is the session of the reads at the end: they show what a key holds once all
// faults are over and every replica was asked.
const Final = "final"

// NoProcess is the process of a Fault.
const NoProcess = -1

// Op is one line of a history.
type Op struct {
	Index   int    `json:"index"`   // place in the history, from 0
	Process int    `json:"process"` // who asked, one operation at a time
	Type    Type   `json:"type"`
	F       F      `json:"f"`
	Bucket  string `json:"bucket,omitempty"`
	Key     string `json:"key,omitempty"`
	// Value is what a put writes, and what names a delete; both unique.
	Value string `json:"value,omitempty"`
	// Saw are the values covered by what the client sent. Blind marks a write that
	// sent neither context nor precondition: it replaces what its coordinator holds.
	Saw   []string `json:"saw,omitempty"`
	Blind bool     `json:"blind,omitempty"`
	// Expires is from when on the value is hidden, since the run began; 0 is never.
	Expires time.Duration `json:"expires,omitempty"`
	// Values are what a read showed, or the receipt of a write.
	Values []string `json:"values,omitempty"`
	// Dot names the write's own value in the store, Dots those of Values, in the same
	// order, Covers the context of a blind write's receipt: all as "actor-counter" in
	// hexadecimal, empty where the cluster did not say.
	Dot    string   `json:"dot,omitempty"`
	Dots   []string `json:"dots,omitempty"`
	Covers []string `json:"covers,omitempty"`

	// Strict marks what only the key's own replicas answered: a majority of them each.
	Strict bool `json:"strict,omitempty"`

	Node    string `json:"node,omitempty"`    // the node that was asked
	Session string `json:"session,omitempty"` // operations of one session build on each other
	// Side is how many live nodes could reach each other around the node asked, it
	// included; 0 when that is unclear.
	Side int `json:"side,omitempty"`
	// T is when, since the run began; Limit how long the client was ready to wait.
	T     time.Duration `json:"t"`
	Limit time.Duration `json:"limit,omitempty"`
	// Err is the code of the failure, Outcome what the cluster said it left behind.
	Err     string `json:"err,omitempty"`
	Outcome string `json:"outcome,omitempty"`
}

// Writes reports whether the operation changes a key.
func (o *Op) Writes() bool { return o.F == Put || o.F == Delete }

// Check says what is wrong with an operation by itself.
func (o *Op) Check() error {
	switch {
	case !slices.Contains([]Type{Invoke, OK, Fail, Info}, o.Type):
		return fmt.Errorf("operation %d: type %q", o.Index, o.Type)
	case !slices.Contains([]F{Get, Put, Delete, Fault}, o.F):
		return fmt.Errorf("operation %d: function %q", o.Index, o.F)
	case (o.F == Fault) != (o.Process == NoProcess):
		return fmt.Errorf("operation %d: %s by process %d", o.Index, o.F, o.Process)
	case o.F == Fault && o.Type != Info:
		return fmt.Errorf("operation %d: a fault is of type %q, want info", o.Index, o.Type)
	case o.Writes() && o.Value == "":
		return fmt.Errorf("operation %d: a %s without a value to name it", o.Index, o.F)
	case o.T < 0:
		return fmt.Errorf("operation %d: at %v, before the run began", o.Index, o.T)
	case len(o.Dots) > 0 && len(o.Dots) != len(o.Values):
		return fmt.Errorf("operation %d: %d dots for %d values", o.Index, len(o.Dots), len(o.Values))
	}
	return nil
}
