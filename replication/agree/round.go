package agree

import (
	"slices"

	"github.com/hengedb/henge/ring"
)

// Phase is how far a Round is.
type Phase uint8

// The phases of a round. A round is over from Decided on.
const (
	Preparing   Phase = iota // asks for promises
	Accepting                // a majority promised: asks for acceptance of Value
	Decided                  // a majority accepted: Value is the successor of the base, for ever
	Lost                     // no majority can follow any more: try again above Seen
	Overtaken                // somebody holds a newer document: Newer
	Conflicting              // somebody holds another document of the base's name
)

// Round is one ballot of one proposer: it is told every answer and says what to
// ask next. It does no I/O and is not safe for concurrent use.
type Round struct {
	Base   ring.Name
	Ballot Ballot
	Value  []byte // what is to be decided: the proposer's, or what the promises brought up
	Own    bool   // Value is the proposer's
	Seen   uint64 // the highest round met in a refusal
	Newer  []byte // in Overtaken: a document newer than the base

	Other ring.Name   // in Conflicting: the document that is in conflict with the base
	At    ring.NodeID // in Conflicting: who holds Other

	voters []ring.NodeID
	phase  Phase
	votes  map[ring.NodeID]bool // in this phase; true is for the ballot
	found  Ballot               // the highest ballot under which a value was accepted
}

// NewRound begins to have value decided as the successor of base, among the
// voters that base names. The ballot must be new and saved.
func NewRound(base ring.Name, voters []ring.NodeID, b Ballot, value []byte) *Round {
	return &Round{
		Base: base, Ballot: b, Value: value, Own: true,
		voters: voters, votes: make(map[ring.NodeID]bool, len(voters)),
	}
}

// Phase tells how far the round is.
func (r *Round) Phase() Phase { return r.phase }

// Request is what to ask every voter in this phase.
func (r *Round) Request() Message {
	m := Message{Kind: KindPrepare, Base: r.Base, Ballot: r.Ballot}
	if r.phase == Accepting {
		m.Kind, m.Document = KindAccept, r.Value
	}
	return m
}

// Receive takes a voter's answer. Answers that are late, repeated, of another
// ballot or of nobody who votes change nothing.
func (r *Round) Receive(from ring.NodeID, m Message) {
	if r.phase >= Decided || m.Base != r.Base || m.Ballot != r.Ballot || !slices.Contains(r.voters, from) {
		return
	}
	switch m.Kind {
	case KindPromise:
		r.promised(from, m)
	case KindAccepted:
		if r.phase == Accepting {
			r.vote(from, true)
		}
	case KindRefused:
		r.Seen = max(r.Seen, m.Promised.Round)
		r.vote(from, false)
	case KindBehind:
		r.vote(from, false)
	case KindDocument:
		r.phase, r.Newer = Overtaken, m.Document
	case KindConflict:
		r.phase, r.Other, r.At = Conflicting, m.Held, from
	}
}

// Fail tells that a voter will not answer in this phase.
func (r *Round) Fail(from ring.NodeID) {
	if r.phase < Decided && slices.Contains(r.voters, from) {
		r.vote(from, false)
	}
}

// promised is phase 2a's choice: of the values that the promises bring up, the one
// accepted under the highest ballot replaces the proposer's own.
func (r *Round) promised(from ring.NodeID, m Message) {
	if r.phase != Preparing {
		return
	}
	if !m.Accepted.IsZero() && m.Accepted.Compare(r.found) > 0 {
		r.found, r.Value, r.Own = m.Accepted, m.Document, false
	}
	r.vote(from, true)
}

// vote counts each voter once. A yes stands; a no may be followed by a yes, as
// when a voter has caught up.
func (r *Round) vote(from ring.NodeID, yes bool) {
	r.votes[from] = r.votes[from] || yes
	ayes := 0
	for _, v := range r.votes {
		if v {
			ayes++
		}
	}
	switch {
	case ayes >= majority(r.voters):
		r.phase++
		clear(r.votes)
	case len(r.votes)-ayes > len(r.voters)-majority(r.voters):
		r.phase = Lost
	}
}

// majority is how many of the voters decide.
func majority(voters []ring.NodeID) int { return len(voters)/2 + 1 }
