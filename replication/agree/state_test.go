package agree

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/ring"
)

func TestAnswer(t *testing.T) {
	d := firstDocument(t, 4).Clone()
	d.Voters = []ring.NodeID{1, 2, 3}
	first, err := d.Seal()
	if err != nil {
		t.Fatal(err)
	}
	second := successorWith(t, first, "b")
	other := successorWith(t, first, "c").Name()
	voter := State{Self: 1, Held: second, Acceptor: Acceptor{Promised: ballot(5, 2)}}
	none, outsider, alarmed := State{Self: 1}, voter, voter
	outsider.Self, alarmed.Alarm = 4, "two documents of one name"
	prepare := func(base ring.Name, b Ballot) Message { return Message{Kind: KindPrepare, Base: base, Ballot: b} }

	for name, c := range map[string]struct {
		s      State
		from   ring.NodeID
		m      Message
		want   Kind
		reason string
		save   bool
	}{
		"a prepare above what was promised is promised, and saved": {voter, 3, prepare(second.Name(), ballot(6, 3)), KindPromise, "", true},
		"the same prepare again is promised, and saved already":    {voter, 2, prepare(second.Name(), ballot(5, 2)), KindPromise, "", false},
		"a prepare below what was promised is refused":             {voter, 3, prepare(second.Name(), ballot(4, 3)), KindRefused, "a higher ballot was promised", false},
		"an accept is accepted, and saved":                         {voter, 2, Message{Kind: KindAccept, Base: second.Name(), Ballot: ballot(5, 2), Document: []byte("v")}, KindAccepted, "", true},
		"who asks about an older document is told the newer":       {voter, 3, prepare(first.Name(), ballot(6, 3)), KindDocument, "", false},
		"who asks about a newer document than is held must wait":   {State{Self: 1, Held: first}, 3, prepare(second.Name(), ballot(6, 3)), KindBehind, "", false},
		"who holds none is behind":                                 {none, 3, prepare(first.Name(), ballot(6, 3)), KindBehind, "", false},
		"another document of one name raises the alarm":            {voter, 3, prepare(other, ballot(6, 3)), KindConflict, "is held here", false},
		"under alarm nothing is voted for":                         {alarmed, 3, prepare(second.Name(), ballot(6, 3)), KindRefused, "two documents", false},
		"who is no member gets no vote":                            {voter, 9, prepare(second.Name(), ballot(6, 9)), KindRefused, "is not a member", false},
		"a ballot is answered only to its own proposer":            {voter, 3, prepare(second.Name(), ballot(6, 2)), KindRefused, "came from", false},
		"a member that is no voter refuses":                        {outsider, 3, prepare(second.Name(), ballot(6, 3)), KindRefused, "not a voter", false},
		"a fetch of what is held finds nothing newer":              {voter, 9, Message{Kind: KindFetch, Base: second.Name()}, KindCurrent, "", false},
		"a fetch by who holds none brings the document":            {voter, 9, Message{Kind: KindFetch}, KindDocument, "", false},
		"a fetch under alarm still answers":                        {alarmed, 3, Message{Kind: KindFetch, Base: first.Name()}, KindDocument, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			next, answer, save := c.s.Answer(c.from, c.m)
			if answer.Kind != c.want || save != c.save || !strings.Contains(answer.Reason, c.reason) {
				t.Errorf("%s (%s), save %v; want %s (%s), save %v", answer.Kind, answer.Reason, save, c.want, c.reason, c.save)
			}
			if answer.Held != c.s.Name() || answer.Base != c.m.Base || answer.Ballot != c.m.Ballot {
				t.Errorf("the answer is about %s, %s, held %s", answer.Base, answer.Ballot, answer.Held)
			}
			if (next.Alarm != "") != (c.s.Alarm != "" || c.want == KindConflict) {
				t.Errorf("alarm %q", next.Alarm)
			}
		})
	}
}

func TestOnlyAHigherEraEndsTheAlarm(t *testing.T) {
	first := firstDocument(t, 3)
	s := State{Self: 1, Held: first, Alarm: "two documents of one name"}
	if next, newer, err := s.Adopt(successorWith(t, first, "b")); newer || err == nil || next.Alarm == "" {
		t.Errorf("a successor under alarm: %v, %v, alarm %q", newer, err, next.Alarm)
	}
	forced := first.Clone()
	forced.Era = ring.Era{Number: 1, Random: 9}
	forced, err := forced.Seal()
	if err != nil {
		t.Fatal(err)
	}
	if next, newer, err := s.Adopt(forced); !newer || err != nil || next.Alarm != "" {
		t.Errorf("a forced document: %v, %v, alarm %q", newer, err, next.Alarm)
	}
	again := forced.Clone()
	again.Era.Random++
	again, err = again.Seal()
	if err != nil {
		t.Fatal(err)
	}
	if next, _, err := (State{Self: 1, Held: forced}).Adopt(again); err == nil || next.Alarm == "" {
		t.Errorf("one era forced twice: %v, alarm %q", err, next.Alarm)
	}
}

// TestWhoHoldsNoDocumentAcceptsNothing: a document that arrives while an accept waits
// for it must not let through what nobody looked at.
func TestWhoHoldsNoDocumentAcceptsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 3)
		w := newWorld(t, 1, nil)
		w.logs[1].set(time.Second, nil)
		go func() {
			if err := w.agent(1).Adopt(t.Context(), first.Raw()); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait() // it is being saved, and not shown
		m := Message{Kind: KindAccept, Base: first.Name(), Ballot: ballot(1, 2), Document: []byte("no document")}
		answer, err := w.agent(1).handle(t.Context(), 2, m)
		if err != nil || answer.Kind == KindAccepted {
			t.Errorf("%s to %q: %v", answer.Kind, m.Document, err)
		}
		time.Sleep(time.Minute)
	})
}
