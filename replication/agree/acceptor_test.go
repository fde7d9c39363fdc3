package agree

import (
	"bytes"
	"testing"

	"github.com/hengedb/henge/ring"
)

// What "Paxos Made Simple" says, sentence by sentence, of section 2.2 and 2.3; the
// rest is in the simulations.

func ballot(round uint64, node ring.NodeID) Ballot { return Ballot{Round: round, Node: node} }

func TestAcceptorKeepsItsPromise(t *testing.T) {
	promised, ok := Acceptor{}.Prepare(ballot(3, 2))
	if !ok {
		t.Fatal("the first ballot was refused")
	}
	for name, c := range map[string]struct {
		b                Ballot
		promises, accept bool
	}{
		"a lower round gets neither":                     {ballot(2, 9), false, false},
		"a lower node under the same round gets neither": {ballot(3, 1), false, false},
		"the promised ballot gets both":                  {ballot(3, 2), true, true},
		"a higher node under the same round gets both":   {ballot(3, 3), true, true},
		"a higher round gets both":                       {ballot(4, 1), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			after, ok := promised.Prepare(c.b)
			if ok != c.promises || (!ok && after.Promised != promised.Promised) {
				t.Errorf("prepare %s after %s: %v, promised %s", c.b, promised.Promised, ok, after.Promised)
			}
			after, ok = promised.Accept(c.b, []byte("v"))
			if ok != c.accept || (ok && (after.Promised != c.b || after.Accepted != c.b)) || (!ok && after.Value != nil) {
				t.Errorf("accept %s after %s: %v, %+v", c.b, promised.Promised, ok, after)
			}
		})
	}
}

func TestAcceptorTakesOneValueUnderOneBallot(t *testing.T) {
	a, ok := Acceptor{}.Accept(ballot(1, 1), []byte("v"))
	if !ok {
		t.Fatal("accept without a prepare was refused")
	}
	if again, ok := a.Accept(ballot(1, 1), []byte("v")); !ok || !bytes.Equal(again.Value, []byte("v")) {
		t.Error("the same request again was refused")
	}
	if b, ok := a.Accept(ballot(1, 1), []byte("w")); ok || string(b.Value) != "v" {
		t.Errorf("another value under one ballot: %v, %s", ok, b.Value)
	}
	if b, ok := a.Accept(ballot(2, 1), []byte("w")); !ok || string(b.Value) != "w" {
		t.Errorf("another value under a higher ballot: %v, %s", ok, b.Value)
	}
}

// roundOf is a round of three voters in which some promises came in.
func roundOf(promises ...Message) *Round {
	r := NewRound(testBase, []ring.NodeID{1, 2, 3}, testBallot, []byte("own"))
	for i, m := range promises {
		m.Kind, m.Base, m.Ballot = KindPromise, testBase, testBallot
		r.Receive(ring.NodeID(i+1), m)
	}
	return r
}

func TestProposerIsBoundToTheHighestAcceptedValue(t *testing.T) {
	low, high := Message{Accepted: ballot(1, 1), Document: []byte("low")}, Message{Accepted: ballot(1, 2), Document: []byte("high")}
	for name, c := range map[string]struct {
		promises []Message
		value    string
		own      bool
	}{
		"none was accepted: its own":           {[]Message{{}, {}}, "own", true},
		"one was accepted: that":               {[]Message{{}, low}, "low", false},
		"two were accepted, the higher first":  {[]Message{high, low}, "high", false},
		"two were accepted, the higher second": {[]Message{low, high}, "high", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := roundOf(c.promises...)
			if request := r.Request(); request.Kind != KindAccept || string(request.Document) != c.value || r.Own != c.own {
				t.Errorf("asks to %s %q, its own: %v; want accept %q, %v", request.Kind, request.Document, r.Own, c.value, c.own)
			}
		})
	}
}

func TestRoundCountsOnlyDistinctVotersOfItsBallot(t *testing.T) {
	accepted := Message{Kind: KindAccepted, Base: testBase, Ballot: testBallot}
	otherBallot, otherBase := accepted, accepted
	otherBallot.Ballot.Round++
	otherBase.Base.Version++
	r := roundOf(Message{}, Message{})
	for _, c := range []struct {
		from ring.NodeID
		m    Message
	}{
		{1, accepted}, {1, accepted}, // the same twice
		{2, otherBallot}, {2, otherBase}, {9, accepted}, // not of this ballot, base, electorate
		{3, Message{Kind: KindPromise, Base: testBase, Ballot: testBallot}}, // of the phase before
		{2, Message{Kind: KindRefused, Base: testBase, Ballot: testBallot}}, // a no
	} {
		if r.Receive(c.from, c.m); r.Phase() != Accepting {
			t.Fatalf("phase %d after %s of %s", r.Phase(), c.m.Kind, c.from)
		}
	}
	if r.Receive(2, accepted); r.Phase() != Decided { // a no may become a yes
		t.Errorf("phase %d after two of three accepted", r.Phase())
	}
}

func TestRoundEndsEarly(t *testing.T) {
	for name, c := range map[string]struct {
		answers []Message
		want    Phase
	}{
		"two of three refuse":        {[]Message{{Kind: KindRefused, Promised: ballot(8, 1)}, {Kind: KindBehind}}, Lost},
		"one of three refuses":       {[]Message{{Kind: KindRefused, Promised: ballot(8, 1)}}, Preparing},
		"one holds a newer document": {[]Message{{Kind: KindDocument, Document: []byte("d")}}, Overtaken},
		"one holds another document": {[]Message{{Kind: KindConflict}}, Conflicting},
	} {
		t.Run(name, func(t *testing.T) {
			r := roundOf()
			for i, m := range c.answers {
				m.Base, m.Ballot = testBase, testBallot
				r.Receive(ring.NodeID(i+1), m)
			}
			if r.Phase() != c.want {
				t.Errorf("phase %d, want %d", r.Phase(), c.want)
			}
		})
	}
}
