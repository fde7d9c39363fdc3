package output

import (
	"errors"
	"fmt"
	"io"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/records"
	"github.com/hengedb/henge/replication/request"
)

// Failure is how a command's error is printed for machines.
type Failure struct {
	Error    string    `json:"error"`
	Code     string    `json:"code"` // one word for the exit code
	Exit     int       `json:"exit"`
	Outcome  string    `json:"outcome,omitempty"` // what a write left behind
	Required int       `json:"required,omitempty"`
	Acks     int       `json:"acks,omitempty"`
	Answers  []Replica `json:"answers,omitempty"`
}

// Fail prints err to w, one line in either format; a quorum's error carries each
// replica's reason.
func Fail(w io.Writer, format Format, err error) error {
	if format != JSON {
		_, werr := fmt.Fprintf(w, "henge: %v\n", err)
		return werr
	}
	code := exit.Of(err)
	f := Failure{Error: err.Error(), Code: code.Word(), Exit: int(code)}
	if quorum, ok := errors.AsType[*request.QuorumError](err); ok {
		f.Outcome, f.Required, f.Acks, f.Answers = string(quorum.Outcome), quorum.Need, quorum.Got, Replicas(quorum.Replicas)
	}
	return records.Encode(w, map[string]Failure{"failure": f})
}
