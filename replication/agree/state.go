package agree

import (
	"fmt"
	"slices"

	"github.com/hengedb/henge/ring"
)

// State is all that one node knows of the agreement: the document it holds, and
// its part in deciding the successor. It is a value: its methods return what it
// becomes, and say when that must be durable before anybody is told. Nothing in it
// may be modified through another copy.
type State struct {
	Self     ring.NodeID
	Held     *ring.Document // nil while the node holds none
	Round    uint64         // the highest round of this node's own ballots for Held's successor
	Acceptor Acceptor       // for Held's successor
	Alarm    string         // not empty: documents are in conflict, nothing is voted for
}

// Name is the name of the document held, zero for none.
func (s State) Name() ring.Name {
	if s.Held == nil {
		return ring.Name{}
	}
	return s.Held.Name()
}

// Answer answers a prepare, an accept or a fetch of node from. When save is true
// the Record of next must be durable before the answer is given; if it cannot be,
// the node remains in s and answers nothing.
//
// What is to be accepted is taken as it is: the caller has seen, with Successor,
// that it is a document at all.
//
// An answer of KindBehind says that the node should fetch the base, and answer anew.
func (s State) Answer(from ring.NodeID, m Message) (next State, answer Message, save bool) {
	answer = Message{Base: m.Base, Ballot: m.Ballot, Held: s.Name()}
	switch {
	case conflict(s.Name(), m.Base):
		s = s.alarmed(m.Base, from)
		answer.Kind, answer.Reason = KindConflict, s.Alarm
		return s, answer, false
	case s.Name().Compare(m.Base) > 0:
		answer.Kind, answer.Document = KindDocument, s.Held.Raw()
		return s, answer, false
	case m.Kind == KindFetch:
		answer.Kind = KindCurrent
		return s, answer, false
	case s.Name().Compare(m.Base) < 0:
		answer.Kind = KindBehind
		return s, answer, false
	}
	if why := s.refusal(from, m); why != "" {
		answer.Kind, answer.Reason = KindRefused, why
		return s, answer, false
	}
	return s.vote(m, answer)
}

// vote lets the acceptor answer a request about the successor of the document held.
func (s State) vote(m, answer Message) (next State, _ Message, save bool) {
	next = s
	var ok bool
	if m.Kind == KindPrepare {
		next.Acceptor, ok = s.Acceptor.Prepare(m.Ballot)
		answer.Kind, answer.Accepted, answer.Document = KindPromise, s.Acceptor.Accepted, s.Acceptor.Value
	} else {
		next.Acceptor, ok = s.Acceptor.Accept(m.Ballot, m.Document)
		answer.Kind = KindAccepted
	}
	if !ok {
		answer.Kind, answer.Accepted, answer.Document = KindRefused, Ballot{}, nil
		answer.Promised, answer.Reason = s.Acceptor.Promised, "a higher ballot was promised"
		return s, answer, false
	}
	save = next.Acceptor.Promised != s.Acceptor.Promised || next.Acceptor.Accepted != s.Acceptor.Accepted
	return next, answer, save
}

// refusal says why the node does not vote on m, whatever was promised.
func (s State) refusal(from ring.NodeID, m Message) string {
	if s.Alarm != "" {
		return s.Alarm
	}
	if _, member := s.Held.Member(from); !member {
		return fmt.Sprintf("%s, which asks, is not a member", from)
	}
	if m.Ballot.Node != from {
		return fmt.Sprintf("ballot %s came from %s", m.Ballot, from)
	}
	if !slices.Contains(s.Held.Voters, s.Self) {
		return "this node is not a voter"
	}
	return ""
}

// Reserve takes a new round for a ballot of this node's own, above every round it
// used or promised, and above the one given. The Record of next must be durable
// before the ballot is used.
func (s State) Reserve(above uint64) (next State, b Ballot) {
	s.Round = max(s.Round, s.Acceptor.Promised.Round, above) + 1
	return s, Ballot{Round: s.Round, Node: s.Self}
}

// Adopt takes up a decided document. It reports false when the node holds it, or a
// newer one, already. If it reports true the document must be durable before it is
// shown; the old instance is over. While the alarm stands only a document of a
// higher era is taken, and ends it.
func (s State) Adopt(d *ring.Document) (next State, newer bool, err error) {
	if s.Held == nil {
		return State{Self: s.Self, Held: d}, true, nil
	}
	switch {
	case d.Cluster != s.Held.Cluster:
		return s, false, fmt.Errorf("%w: %s, ours is %s", ErrCluster, d.Cluster, s.Held.Cluster)
	case conflict(s.Name(), d.Name()):
		s = s.alarmed(d.Name(), 0)
		return s, false, fmt.Errorf("%w: %s", ErrConflict, s.Alarm)
	case d.Name().Compare(s.Name()) <= 0:
		return s, false, nil
	case s.Alarm != "" && d.Era.Number == s.Held.Era.Number:
		return s, false, fmt.Errorf("%w: %s", ErrConflict, s.Alarm)
	}
	return State{Self: s.Self, Held: d}, true, nil
}

// alarmed raises the alarm about a document of the held one's name; from is who
// told of it, zero if not known. The first reason stands.
func (s State) alarmed(other ring.Name, from ring.NodeID) State {
	if s.Alarm != "" {
		return s
	}
	s.Alarm = fmt.Sprintf("document %s is held here, and there is %s", s.Name(), other)
	if from != 0 {
		s.Alarm += fmt.Sprintf(" at node %s", from)
	}
	return s
}

// conflict reports whether two names cannot both have been decided; no document
// is in conflict with none.
func conflict(a, b ring.Name) bool {
	return !a.IsZero() && !b.IsZero() && a.Conflicts(b)
}
