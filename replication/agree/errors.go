package agree

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hengedb/henge/ring"
)

// What an Agent's errors match, with errors.Is.
var (
	ErrClosed     = errors.New("agreement is closed")
	ErrNoDocument = errors.New("no cluster document is held yet")
	ErrHeld       = errors.New("a cluster document is held already")
	ErrCluster    = errors.New("the document is another cluster's")
	ErrConflict   = errors.New("two cluster documents have one name: changes are stopped")
	ErrEdit       = errors.New("the edit does not make a successor of its document")
	ErrRecord     = errors.New("the saved state of the agreement cannot be used")
	ErrUndecided  = errors.New("the voters decided nothing")
)

// UndecidedError tells why a proposal ended without a decision. It matches
// ErrUndecided, the end of the proposal's context and each voter's own error.
type UndecidedError struct {
	Base     ring.Name // the document whose successor was proposed
	Voters   int       // of Base
	Answered int       // of the voters: those that said anything, a refusal included
	Silent   []Silence // the others, sorted by node
	Pending  bool      // some voter may have accepted the proposal: it may yet be decided
	Cause    error     // what ended the proposal
}

// Silence is a voter that did not answer.
type Silence struct {
	Node ring.NodeID
	Err  error
}

// Need is how many voters decide.
func (e *UndecidedError) Need() int { return e.Voters/2 + 1 }

// Error says how many voters answered, and who did not.
func (e *UndecidedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no successor of document %s: %d of %d voters answered, %d decide", e.Base, e.Answered, e.Voters, e.Need())
	for _, s := range e.Silent {
		fmt.Fprintf(&b, "; %s: %v", s.Node, s.Err)
	}
	if e.Answered >= e.Need() {
		b.WriteString("; other proposals went first")
	}
	if e.Pending {
		b.WriteString("; it may yet be decided")
	}
	fmt.Fprintf(&b, ": %v", e.Cause)
	return b.String()
}

// Unwrap returns everything that e matches.
func (e *UndecidedError) Unwrap() []error {
	errs := []error{ErrUndecided, e.Cause}
	for _, s := range e.Silent {
		errs = append(errs, s.Err)
	}
	return errs
}
