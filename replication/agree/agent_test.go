package agree

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/hengedb/henge/ring"
)

func TestFiveProposersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5, firstDocument(t, 5))
		const each = 4
		var mu sync.Mutex
		var history []porcupine.Operation
		var wg sync.WaitGroup
		begin := time.Now()
		for id := range w.logs {
			wg.Go(func() {
				for i := range each {
					call, token := time.Since(begin), fmt.Sprintf("b%s.%d", id, i)
					d, err := w.propose(id, token, time.Minute)
					if err != nil {
						t.Errorf("%s: %v", id, err)
						return
					}
					b, _ := d.Bucket(token)
					mu.Lock()
					history = append(history, porcupine.Operation{
						ClientId: int(id), Input: token, Call: int64(call), Output: b.Generation, Return: int64(time.Since(begin)),
					})
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(history) != 5*each || !porcupine.CheckOperations(registerModel, history) {
			t.Errorf("%d proposals, not linearizable: %+v", len(history), history)
		}
		time.Sleep(spreadTimeout)
		for id := range w.logs {
			if d := w.agent(id).Document(); d.Version != 1+5*each {
				t.Errorf("%s holds version %d, want %d", id, d.Version, 1+5*each)
			}
			if got := w.adopted(id); !slices.IsSorted(got) || len(slices.Compact(got)) != len(w.adopted(id)) {
				t.Errorf("%s was shown versions %v: want each once, in order", id, got)
			}
		}
		t.Logf("%d decisions in %v", 5*each, time.Since(begin))
	})
}

func TestDeadMinorityDelaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5, firstDocument(t, 5))
		w.stop(4)          // refuses connections
		w.isolate(5, true) // swallows messages
		begin := time.Now()
		w.mustPropose(1, "b")
		if took := time.Since(begin); took > patience/2 {
			t.Errorf("a proposal took %v", took)
		}
	})
}

func TestNoMajorityIsToldWithWhoIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, firstDocument(t, 3))
		w.stop(2)
		w.isolate(3, true)
		begin := time.Now()
		_, err := w.propose(1, "b", 3*time.Second)
		var undecided *UndecidedError
		if !errors.As(err, &undecided) || !errors.Is(err, ErrUndecided) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errRefused) {
			t.Fatalf("got %v, want an UndecidedError that matches its causes", err)
		}
		if undecided.Voters != 3 || undecided.Answered != 1 || undecided.Need() != 2 || undecided.Pending {
			t.Errorf("got %+v, want 1 of 3 answered and nothing pending", undecided)
		}
		if len(undecided.Silent) != 2 || undecided.Silent[0].Node != 2 || undecided.Silent[1].Node != 3 {
			t.Errorf("silent are %+v, want 2 and 3", undecided.Silent)
		}
		if text := err.Error(); !strings.Contains(text, "1 of 3 voters answered, 2 decide") || !strings.Contains(text, "0000000000000003: no answer") {
			t.Errorf("the error says %q", text)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("it took %v, want the 3 s it was given", took)
		}
		w.isolate(3, false)
		w.mustPropose(1, "b")
	})
}

func TestWaitingBehindAHopelessProposalTellsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, firstDocument(t, 3))
		w.stop(2)
		w.stop(3)
		if _, err := w.propose(1, "a", time.Second); err == nil {
			t.Fatal("decided without a majority")
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := w.propose(1, "b", time.Minute); err == nil {
				t.Error("decided without a majority")
			}
		})
		synctest.Wait()
		_, err := w.propose(1, "c", time.Second)
		var undecided *UndecidedError
		if !errors.As(err, &undecided) || undecided.Answered != 1 {
			t.Errorf("got %v, want that 1 of 3 answered", err)
		}
		wg.Wait()
	})
}

func TestNodeThatWasAwayCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, firstDocument(t, 3))
		w.isolate(3, true)
		for i := range 3 {
			w.mustPropose(1, fmt.Sprintf("b%d", i))
		}
		time.Sleep(time.Minute)
		w.isolate(3, false)

		w.stop(2) // so that 3 is needed, as a voter that is behind
		w.mustPropose(1, "b3")
		w.start(2) // a proposer that is behind applies its edit to the newest
		if d := w.mustPropose(2, "b4"); d.Version != 6 {
			t.Errorf("got version %d, want 6", d.Version)
		}
		w.isolate(3, true)
		want := w.mustPropose(1, "b5").Name()
		w.isolate(3, false)
		if err := w.agent(3).Pull(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if got := w.agent(3).Document().Name(); got != want {
			t.Errorf("3 holds %s, want %s", got, want)
		}
	})
}

func TestConflictStopsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 3)
		w := newWorld(t, 3, first)
		mine, theirs := successorWith(t, first, "mine"), successorWith(t, first, "theirs")
		if err := w.agent(1).Adopt(t.Context(), mine.Raw()); err != nil {
			t.Fatal(err)
		}
		if err := w.agent(1).Adopt(t.Context(), theirs.Raw()); !errors.Is(err, ErrConflict) {
			t.Fatalf("adopted another document of one name: %v", err)
		}
		if alarm := w.agent(1).Alarm(); !strings.Contains(alarm, theirs.Name().String()) {
			t.Errorf("the alarm is %q", alarm)
		}
		if got := w.agent(1).Document().Name(); got != mine.Name() {
			t.Errorf("1 holds %s, want what it held, %s", got, mine.Name())
		}
		if _, err := w.propose(1, "b", time.Second); !errors.Is(err, ErrConflict) {
			t.Errorf("proposed under alarm: %v", err)
		}
		// The others learn of the conflict from whom they meet.
		if err := w.agent(2).Adopt(t.Context(), theirs.Raw()); err != nil {
			t.Fatal(err)
		}
		if err := w.agent(2).Pull(t.Context(), 1); !errors.Is(err, ErrConflict) || w.agent(2).Alarm() == "" {
			t.Errorf("pull from the other side: %v, alarm %q", err, w.agent(2).Alarm())
		}
		if err := w.agent(3).Adopt(t.Context(), theirs.Raw()); err != nil {
			t.Fatal(err)
		}
		if _, err := w.propose(3, "b", time.Second); !errors.Is(err, ErrConflict) || w.agent(3).Alarm() == "" {
			t.Errorf("proposed to voters in conflict: %v, alarm %q", err, w.agent(3).Alarm())
		}
	})
}

func TestEditDecidesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, firstDocument(t, 3))
		a := w.agent(1)
		d, err := a.Propose(t.Context(), func(*ring.Document) (*ring.Document, error) { return nil, nil })
		if err != nil || d != a.Document() || w.count(KindPrepare) != 0 {
			t.Errorf("nothing to do: got %v, %v after %d prepares", d, err, w.count(KindPrepare))
		}
		errMine := errors.New("no")
		if _, err := a.Propose(t.Context(), func(*ring.Document) (*ring.Document, error) { return nil, errMine }); !errors.Is(err, errMine) {
			t.Errorf("the edit fails: got %v", err)
		}
		for name, change := range map[string]func(*ring.Document){
			"a version that is not the next": func(d *ring.Document) { d.Version++ },
			"another cluster":                func(d *ring.Document) { d.Cluster = strings.Repeat("f", 32) },
			"another era":                    func(d *ring.Document) { d.Era.Number++ },
			"a document that is not valid":   func(d *ring.Document) { d.Voters = nil },
		} {
			_, err := a.Propose(t.Context(), func(d *ring.Document) (*ring.Document, error) {
				next := d.Clone()
				next.Version++
				change(next)
				return next, nil
			})
			if !errors.Is(err, ErrEdit) {
				t.Errorf("%s: got %v, want ErrEdit", name, err)
			}
		}
	})
}

func TestWhoMayProposeAndVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := firstDocument(t, 4).Clone()
		first.Voters = []ring.NodeID{1, 2, 3}
		first, err := first.Seal()
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, 5, first)
		w.mustPropose(4, "b") // a member that is no voter
		time.Sleep(spreadTimeout)
		if _, err := w.propose(5, "c", time.Second); !errors.Is(err, ErrUndecided) {
			t.Errorf("5 is no member, and proposes: %v", err)
		}
		w.stop(2)
		w.stop(3)
		_, err = w.propose(4, "d", time.Second)
		var undecided *UndecidedError
		if !errors.As(err, &undecided) || undecided.Answered != 1 || undecided.Voters != 3 {
			t.Errorf("4 has no vote: got %v, want that 1 of 3 voters answered", err)
		}
	})
}
