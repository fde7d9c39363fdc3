package handoff

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestANodeThatIsBackIsServedAtOnce(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		w.set(w.away, true, p[0])
		w.hint(k, "v", 1, 2, p[0])
		time.Sleep(time.Hour) // passes are as rare as they get
		w.set(w.away, false, p[0])
		w.h.Kick()
		w.h.Kick() // more than one is one
		before := time.Now()
		synctest.Wait()
		if w.kept(k) != nil || time.Since(before) > 0 {
			t.Error("the hint waits for a pass")
		}
	})
}

func TestDeliveriesAtOnceAreBounded(t *testing.T) {
	inBubble(t, Options{InFlight: 4}, func(t *testing.T, w *world) {
		gates := make(chan struct{})
		for i := range 40 {
			k, p := w.key(i, false)
			w.mu.Lock()
			w.block[p[0]] = gates
			w.mu.Unlock()
			w.hint(k, "v", 1, 2, p[0])
		}
		w.h.Kick()
		synctest.Wait()
		if w.most != 4 {
			t.Errorf("%d deliveries at once, want 4", w.most)
		}
		close(gates)
		synctest.Wait()
		if left := w.store.HintStats().Count; left != 0 || w.most > 4 {
			t.Errorf("%d hints are left; %d deliveries at once, want at most 4", left, w.most)
		}
	})
}

// gate is a budget that lets nothing through until it is opened.
type gate struct {
	open chan struct{}
	paid atomic.Int64
}

func (g *gate) Wait(ctx context.Context) error {
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) Pay(n int) { g.paid.Add(int64(n)) }

func TestEachDeliveryWaitsForTheBudgetAndPays(t *testing.T) {
	g := &gate{}
	inBubble(t, Options{Budget: g}, func(t *testing.T, w *world) {
		g.open = make(chan struct{})
		k, p := w.key(0, false)
		w.hint(k, strings.Repeat("v", 5000), 1, 2, p[0], p[1])
		w.h.Kick()
		time.Sleep(time.Minute)
		if got := w.got(p[0]); len(got) != 0 || g.paid.Load() != 0 {
			t.Errorf("%d deliveries without the budget, %d bytes paid", len(got), g.paid.Load())
		}
		close(g.open)
		synctest.Wait()
		if paid := g.paid.Load(); w.kept(k) != nil || paid < 10_000 || paid > 11_000 {
			t.Errorf("with the budget the hint is %+v, and %d bytes were paid for 2 copies of 5,000", w.kept(k), paid)
		}
	})
}

func TestOneSilentTargetKeepsNothingFromTheOthers(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		w.mu.Lock()
		w.block[p[0]] = make(chan struct{}) // for ever
		w.mu.Unlock()
		w.hint(k, "v", 1, 2, p[0], p[1])
		w.h.Kick()
		time.Sleep(deliverWithin)
		synctest.Wait()
		if h := w.kept(k); len(w.got(p[1])) != 1 || len(h.Noted) != 1 || h.Noted[0] != p[1] {
			t.Errorf("the other was sent %q, and the hint is %+v", w.got(p[1]), h)
		}
	})
}

func TestCloseEndsWhatIsOnItsWay(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, w *world) {
		k, p := w.key(0, false)
		w.mu.Lock()
		w.block[p[0]] = make(chan struct{})
		w.mu.Unlock()
		w.hint(k, "v", 1, 2, p[0])
		w.h.Kick()
		synctest.Wait()
		before := time.Now()
		w.h.Close()
		if time.Since(before) > 0 || w.kept(k) == nil {
			t.Errorf("closing took %v, and the hint is %+v", time.Since(before), w.kept(k))
		}
	})
}
