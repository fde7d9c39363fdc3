package replication

import (
	"errors"
	"fmt"

	"github.com/hengedb/henge/replication/request"
)

// reply is what a forwarded request came to. On the wire the bytes of the siblings
// follow the head, one after the other.
type reply struct {
	value   request.Value
	receipt request.Receipt
	err     error
}

// replyHead is a reply's JSON.
type replyHead struct {
	Value   *request.Value   `json:"value,omitempty"`
	Receipt *request.Receipt `json:"receipt,omitempty"`
	Fault   *fault           `json:"fault,omitempty"`
}

// fault is an error on the wire: its code names a sentinel on the other side.
type fault struct {
	Code     string                  `json:"code"`
	Message  string                  `json:"message"`
	Causes   []string                `json:"causes,omitempty"` // codes
	Outcome  request.Outcome         `json:"outcome,omitempty"`
	Need     int                     `json:"need,omitempty"`
	Got      int                     `json:"got,omitempty"`
	Op       string                  `json:"op,omitempty"`
	Bucket   string                  `json:"bucket,omitempty"`
	Key      []byte                  `json:"key,omitempty"`
	Replicas []request.ReplicaResult `json:"replicas,omitempty"`
}

// remoteFault is an error that happened on another node.
type remoteFault struct {
	message string
	is      error
	outcome request.Outcome // as that node told
}

func (f *remoteFault) Error() string { return f.message }
func (f *remoteFault) Unwrap() error { return f.is }

// WriteOutcome is what that node said.
func (f *remoteFault) WriteOutcome() request.Outcome { return f.outcome }

func encodeReply(answer reply) ([]byte, error) {
	head := replyHead{Value: &answer.value, Receipt: &answer.receipt, Fault: faultOf(answer.err)}
	siblings := append([]request.Sibling(nil), answer.value.Siblings...)
	if answer.receipt.Value != nil {
		siblings = append(siblings, answer.receipt.Value.Siblings...)
	}
	var body []byte
	for _, s := range siblings {
		body = append(body, s.Data...)
	}
	head.Value.Siblings = withoutData(head.Value.Siblings)
	if answer.receipt.Value != nil {
		stripped := *answer.receipt.Value
		stripped.Siblings = withoutData(stripped.Siblings)
		head.Receipt.Value = &stripped
	}
	return pack(head, body)
}

func decodeReply(b []byte) (reply, error) {
	var head replyHead
	body, err := unpack(b, &head)
	if err != nil {
		return reply{}, err
	}
	var answer reply
	if head.Value != nil {
		answer.value = *head.Value
	}
	if head.Receipt != nil {
		answer.receipt = *head.Receipt
	}
	if body, err = fillData(answer.value.Siblings, body); err != nil {
		return reply{}, err
	}
	if answer.receipt.Value != nil {
		if body, err = fillData(answer.receipt.Value.Siblings, body); err != nil {
			return reply{}, err
		}
	}
	if len(body) > 0 {
		return reply{}, fmt.Errorf("%w: %d bytes too many", errMessage, len(body))
	}
	answer.err = head.Fault.error()
	return answer, nil
}

// withoutData copies siblings with their bytes left out. Those of a HEAD request
// have none to begin with, which the wire tells by a negative size.
func withoutData(siblings []request.Sibling) []request.Sibling {
	out := append([]request.Sibling(nil), siblings...)
	for i := range out {
		if len(out[i].Data) != out[i].Size {
			out[i].Size = -1 - out[i].Size
		}
		out[i].Data = nil
	}
	return out
}

func fillData(siblings []request.Sibling, body []byte) ([]byte, error) {
	for i := range siblings {
		s := &siblings[i]
		if s.Size < 0 {
			s.Size = -1 - s.Size
			continue
		}
		if s.Size > len(body) {
			return nil, fmt.Errorf("%w: %d bytes of %d", errMessage, len(body), s.Size)
		}
		s.Data, body = body[:s.Size:s.Size], body[s.Size:]
	}
	return body, nil
}

func faultOf(err error) *fault {
	if err == nil {
		return nil
	}
	f := &fault{Code: request.CodeOf(err), Message: err.Error(), Outcome: request.OutcomeOf(err)}
	if quorum, ok := errors.AsType[*request.QuorumError](err); ok {
		f.Code, f.Need, f.Got = "quorum", quorum.Need, quorum.Got
		f.Op, f.Bucket, f.Key, f.Replicas = quorum.Op, quorum.Bucket, []byte(quorum.Key), quorum.Replicas
		for _, cause := range quorum.Causes {
			f.Causes = append(f.Causes, request.CodeOf(cause))
		}
	}
	return f
}

// error is the inverse of faultOf.
func (f *fault) error() error {
	if f == nil {
		return nil
	}
	if f.Code != "quorum" {
		fault := &remoteFault{message: f.Message, is: request.ErrorOf(f.Code), outcome: request.Unknown}
		if f.Outcome == request.None {
			fault.outcome = request.None
		}
		return fault
	}
	err := &request.QuorumError{
		Op: f.Op, Bucket: f.Bucket, Key: string(f.Key), Outcome: f.Outcome, Need: f.Need, Got: f.Got, Replicas: f.Replicas,
	}
	for _, code := range f.Causes {
		if cause := request.ErrorOf(code); cause != nil {
			err.Causes = append(err.Causes, cause)
		}
	}
	return err
}
