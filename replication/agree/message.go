package agree

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hengedb/henge/ring"
)

// Kind says what a message asks or answers; see the table in the package comment.
type Kind string

// The requests, and then the answers.
const (
	KindPrepare Kind = "prepare" // answered by promise, refused, behind, document, conflict
	KindAccept  Kind = "accept"  // answered by accepted, refused, behind, document, conflict
	KindDecided Kind = "decided" // answered by current, conflict
	KindFetch   Kind = "fetch"   // answered by document, current, conflict

	KindPromise  Kind = "promise"
	KindAccepted Kind = "accepted"
	KindRefused  Kind = "refused"  // a higher ballot was promised, or this node does not vote: Reason
	KindBehind   Kind = "behind"   // this node does not hold the base yet
	KindDocument Kind = "document" // this node holds a newer document, and here it is
	KindCurrent  Kind = "current"  // this node holds nothing newer
	KindConflict Kind = "conflict" // this node holds another document of that name
)

// Message is what nodes say to each other about the document. Which fields a kind
// has is in the package comment.
type Message struct {
	Kind     Kind      `json:"kind"`
	Base     ring.Name `json:"base,omitzero"`
	Ballot   Ballot    `json:"ballot,omitzero"`
	Promised Ballot    `json:"promised,omitzero"`
	Accepted Ballot    `json:"accepted,omitzero"`
	Document []byte    `json:"document,omitempty"`
	Held     ring.Name `json:"held,omitzero"`
	Reason   string    `json:"reason,omitempty"`
}

// MaxMessage bounds an encoded message: a document of ring's 32 MiB in base64,
// and room for the rest.
const MaxMessage = 44 << 20

// ErrMessage is in every error about a message that cannot be understood.
var ErrMessage = errors.New("malformed agreement message")

// Encode renders m.
func (m Message) Encode() ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Kind, err)
	}
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("encode %s: %d bytes are more than %d", m.Kind, len(b), MaxMessage)
	}
	return b, nil
}

// DecodeMessage parses what Encode wrote, and checks that the message has what
// its kind needs. The document inside is not looked into.
func DecodeMessage(b []byte) (Message, error) {
	if len(b) > MaxMessage {
		return Message{}, fmt.Errorf("%w: %d bytes are more than %d", ErrMessage, len(b), MaxMessage)
	}
	var m Message
	if err := json.Unmarshal(b, &m); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if err := m.validate(); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return m, nil
}

func (m Message) validate() error {
	switch m.Kind {
	case KindPrepare, KindAccepted, KindRefused, KindBehind:
		return errors.Join(m.wantInstance(), m.wantRounds())
	case KindPromise:
		return errors.Join(m.wantInstance(), m.wantRounds(), m.wantAccepted())
	case KindAccept:
		return errors.Join(m.wantInstance(), m.wantDocument())
	case KindDecided, KindDocument:
		return m.wantDocument()
	case KindFetch, KindCurrent, KindConflict:
		return nil
	default:
		return fmt.Errorf("kind %q is not known", m.Kind)
	}
}

func (m Message) wantInstance() error {
	if m.Base.IsZero() {
		return fmt.Errorf("%s without a base", m.Kind)
	}
	return m.Ballot.validate()
}

func (m Message) wantRounds() error {
	if max(m.Promised.Round, m.Accepted.Round) > maxRound {
		return fmt.Errorf("%s: a round above 2^48", m.Kind)
	}
	return nil
}

func (m Message) wantAccepted() error {
	if m.Accepted.IsZero() {
		return nil
	}
	return errors.Join(m.Accepted.validate(), m.wantDocument())
}

func (m Message) wantDocument() error {
	if len(m.Document) == 0 {
		return fmt.Errorf("%s without a document", m.Kind)
	}
	return nil
}
