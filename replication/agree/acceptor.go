package agree

import "bytes"

// Acceptor is one voter's memory of one instance: the zero value has promised and
// accepted nothing. It is a value; Prepare and Accept return what it becomes. What
// it becomes must be durable before their answer is given to anybody.
type Acceptor struct {
	Promised Ballot `json:"promised,omitzero"` // no ballot below this one is answered any more
	Accepted Ballot `json:"accepted,omitzero"` // the ballot of Value; zero while there is none
	Value    []byte `json:"value,omitempty"`   // do not modify
}

// Prepare is phase 1b of the paper: it promises to answer no ballot below b. It
// reports false, and promises nothing, when a higher one was promised already.
func (a Acceptor) Prepare(b Ballot) (Acceptor, bool) {
	if b.Compare(a.Promised) < 0 {
		return a, false
	}
	a.Promised = b
	return a, true
}

// Accept is phase 2b: it accepts value under b. It reports false, and accepts
// nothing, when a higher ballot was promised, or b accepted with another value,
// which only a proposer that lost its memory would ask for.
func (a Acceptor) Accept(b Ballot, value []byte) (Acceptor, bool) {
	if b.Compare(a.Promised) < 0 {
		return a, false
	}
	if b == a.Accepted && !bytes.Equal(value, a.Value) {
		return a, false
	}
	return Acceptor{Promised: b, Accepted: b, Value: value}, true
}
