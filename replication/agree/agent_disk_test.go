package agree

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/ring"
)

var errDisk = errors.New("disk is broken")

func TestNothingIsSaidThatIsNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, firstDocument(t, 3))
		w.logs[2].set(0, errDisk)
		w.logs[3].set(0, errDisk)
		_, err := w.propose(1, "b", time.Second)
		var undecided *UndecidedError
		if !errors.As(err, &undecided) || undecided.Answered != 1 || !errors.Is(err, errDisk) {
			t.Errorf("two voters cannot save: got %v, want that 1 of 3 answered", err)
		}
		w.logs[1].set(0, errDisk)
		if _, err := w.propose(1, "b", time.Second); !errors.Is(err, errDisk) || errors.Is(err, ErrUndecided) {
			t.Errorf("the proposer cannot save: got %v, want the disk's error", err)
		}
		if err := w.agent(1).Adopt(t.Context(), successorWith(t, w.agent(1).Document(), "c").Raw()); !errors.Is(err, errDisk) {
			t.Errorf("adopt: got %v, want the disk's error", err)
		}
		if v := w.agent(1).Document().Version; v != 1 {
			t.Errorf("version %d is shown and not saved", v)
		}
		for _, log := range w.logs {
			log.set(worldSync, nil)
		}
		w.mustPropose(1, "b")
	})
}

func TestSlowDiskDelaysVotesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 3)
		w := newWorld(t, 3, first)
		w.logs[1].set(time.Hour, nil)
		prepare := func(ctx context.Context, round uint64) error {
			body, err := Message{Kind: KindPrepare, Base: first.Name(), Ballot: Ballot{Round: round, Node: 2}}.Encode()
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.agent(1).Handle(ctx, 2, body)
			return err
		}
		go func() {
			if err := prepare(t.Context(), 1); !errors.Is(err, ErrClosed) {
				t.Errorf("the vote on the slow disk: %v", err)
			}
		}()
		synctest.Wait()
		begin := time.Now()
		if err := w.agent(2).Pull(t.Context(), 1); err != nil || time.Since(begin) > 5*worldDelay {
			t.Errorf("a fetch took %v: %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := prepare(ctx, 2); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 2*time.Second {
			t.Errorf("a vote behind it took %v: %v", time.Since(begin), err)
		}
		w.mustPropose(2, "b") // 2 and 3 decide
		w.stop(1)
	})
}

func TestRestartKeepsPromisesAndRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 3)
		w := newWorld(t, 3, first)
		b := Ballot{Round: 7, Node: 3}
		vote := func(m Message) Message {
			t.Helper()
			m.Base = first.Name()
			answer, err := w.agent(1).handle(t.Context(), m.Ballot.Node, m)
			if err != nil {
				t.Fatal(err)
			}
			return answer
		}
		value := successorWith(t, first, "b").Raw()
		vote(Message{Kind: KindPrepare, Ballot: b})
		vote(Message{Kind: KindAccept, Ballot: b, Document: value})
		own, err := w.agent(1).reserve(t.Context(), first.Name(), 11)
		if err != nil {
			t.Fatal(err)
		}
		w.stop(1)
		w.start(1)
		if got := vote(Message{Kind: KindPrepare, Ballot: Ballot{Round: 6, Node: 2}}); got.Kind != KindRefused || got.Promised != b {
			t.Errorf("a lower ballot gets %+v, want a refusal for %s", got, b)
		}
		if got := vote(Message{Kind: KindPrepare, Ballot: Ballot{Round: 8, Node: 2}}); got.Accepted != b || !bytes.Equal(got.Document, value) {
			t.Errorf("a higher ballot gets %s %s, want what was accepted", got.Kind, got.Accepted)
		}
		next, err := w.agent(1).reserve(t.Context(), first.Name(), 0)
		if err != nil || next.Round <= own.Round {
			t.Errorf("after round %d comes %d: %v", own.Round, next.Round, err)
		}
	})
}

func TestNextProposerFinishesWhatWasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 3)
		w := newWorld(t, 3, first)
		// A proposer that is gone had its value accepted by one voter.
		b, value := Ballot{Round: 1, Node: 3}, successorWith(t, first, "left")
		for _, m := range []Message{{Kind: KindPrepare}, {Kind: KindAccept, Document: value.Raw()}} {
			m.Base, m.Ballot = first.Name(), b
			if _, err := w.agent(2).handle(t.Context(), 3, m); err != nil {
				t.Fatal(err)
			}
		}
		w.stop(3)
		d := w.mustPropose(1, "mine")
		left, ok := d.Bucket("left")
		if mine, _ := d.Bucket("mine"); !ok || left.Generation != 2 || mine.Generation != 3 {
			t.Errorf("got %+v in version %d, want left in version 2 and mine in 3", d.Buckets, d.Version)
		}
	})
}

func TestAbstainingVoterDoesNotVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 1)
		log := &memLog{document: first.Raw()}
		why, asked := "the disk was put back", 0
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a, err := New(Options{
			Self: 1, Log: log, Peers: &link{}, Rand: func() uint64 { return 0 },
			Abstain: func() string {
				if asked++; asked > 20 {
					cancel()
				}
				return why
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close() //nolint:errcheck // the test is over
		if _, err := a.Propose(ctx, addBucket("b")); !errors.Is(err, ErrUndecided) {
			t.Errorf("decided by a voter that abstains: %v", err)
		}
		if asked > 20 {
			t.Error("a voter that refuses at once was asked 20 times within a second")
		}
		why = ""
		if _, err := a.Propose(t.Context(), addBucket("b")); err != nil {
			t.Error(err)
		}
	})
}

// TestAgentsUnderFaults has whole agents propose while messages are lost, nodes are
// cut off, and nodes crash with saves in progress: the chain's rules, and every
// goroutine joined.
func TestAgentsUnderFaults(t *testing.T) {
	for seed := range uint64(15) {
		synctest.Test(t, func(t *testing.T) { agentsUnderFaults(t, seed+1) })
		if t.Failed() {
			t.Fatalf("seed %d failed", seed+1)
		}
	}
}

func agentsUnderFaults(t *testing.T, seed uint64) {
	const nodes = 5
	w := newWorld(t, nodes, firstDocument(t, nodes))
	w.reseed(seed, 0.05)
	told := w.clients(6)
	for range 20 {
		time.Sleep(time.Duration(w.rand()%200) * time.Millisecond)
		id := ring.NodeID(1 + w.rand()%nodes)
		if w.rand()%2 == 0 {
			w.logs[id].crash()
			w.stop(id)
			time.Sleep(time.Duration(w.rand()%20) * time.Millisecond)
			w.start(id)
			continue
		}
		w.isolate(id, true)
		time.Sleep(time.Duration(w.rand()%500) * time.Millisecond)
		w.isolate(id, false)
	}
	w.reseed(seed, 0)
	tokens := told()
	last := w.mustPropose(1, "last")
	for token, version := range tokens {
		if b, ok := last.Bucket(token); !ok || b.Generation != version {
			t.Errorf("%s was told to be decided in version %d; at the end it is %+v", token, version, b)
		}
	}
	time.Sleep(spreadTimeout)
	for id := range w.logs {
		if got := w.agent(id).Document().Name(); got != last.Name() {
			t.Errorf("%s holds %s, want %s", id, got, last.Name())
		}
		if alarm := w.agent(id).Alarm(); alarm != "" {
			t.Errorf("alarm at %s: %s", id, alarm)
		}
	}
}
