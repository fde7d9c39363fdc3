package governor

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

const mib = 1 << 20

// world is a governor with 64 MiB a second, in a bubble.
type world struct {
	*Governor
	t    *testing.T
	full float64
	end  context.CancelFunc
	life context.Context //nolint:containedctx // of the work under way
	work sync.WaitGroup
}

func inBubble(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, full: 64 * mib}
		w.Governor = New(Options{Clock: clock.System{}, Budget: func() float64 { return w.full }})
		w.life, w.end = context.WithCancel(t.Context())
		f(t, w)
		w.end()
		w.work.Wait()
	})
}

// requests has requests end for some time, 400 a second, 3 of 100 of which take slow.
func (w *world) requests(v Verb, usual, slow, during time.Duration) {
	for begun := time.Now(); time.Since(begun) < during; {
		for i := range 100 {
			time.Sleep(2500 * time.Microsecond)
			took := usual
			if i%33 == 0 {
				took = slow
			}
			w.Observe(v, time.Now(), took)
		}
	}
}

// calm are requests whose p99 is 5 ms.
func (w *world) calm(during time.Duration) {
	w.requests(Write, time.Millisecond, 5*time.Millisecond, during)
}

// works has a class work as fast as it may, in pieces, until stopped.
func (w *world) works(c Class, piece int) (stop func()) {
	ctx, cancel := context.WithCancel(w.life)
	w.work.Go(func() {
		for w.For(c).Wait(ctx) == nil {
			w.For(c).Pay(piece)
		}
	})
	return cancel
}

// moved tells what classes moved in some time, in MiB a second.
func (w *world) moved(during time.Duration) (rates [classes]float64) {
	before := w.Stats()
	time.Sleep(during)
	for c, s := range w.Stats().Classes {
		rates[c] = float64(s.Bytes-before.Classes[c].Bytes) / mib / during.Seconds()
	}
	return rates
}

func near(got, want float64) bool { return got > want*0.9 && got < want*1.1 }

func TestWithoutRequestsWorkHasTheWholeBudget(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.works(Transfers, mib/4)
		if got := w.moved(10 * time.Second)[Transfers]; !near(got, 64) || w.Stats().Cut {
			t.Errorf("%v MiB a second, want 64; cut: %v", got, w.Stats().Cut)
		}
		w.full = 8 * mib
		if got := w.moved(10 * time.Second)[Transfers]; !near(got, 8) {
			t.Errorf("after a change of the settings %v MiB a second, want 8", got)
		}
		w.SetBudget(16 * mib)
		if got := w.moved(10 * time.Second)[Transfers]; !near(got, 16) || !w.Stats().Own {
			t.Errorf("after SetBudget %v MiB a second, want 16", got)
		}
		w.SetBudget(0)
		if got := w.moved(10 * time.Second)[Transfers]; !near(got, 8) || w.Stats().Own {
			t.Errorf("back at the settings %v MiB a second, want 8", got)
		}
	})
}

func TestAnotherBudgetHoldsForWhoWaitsAlready(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.SetBudget(1)
		w.For(Hints).Pay(mib)
		begun := time.Now()
		w.work.Go(func() {
			time.Sleep(time.Second)
			w.SetBudget(1 << 30)
		})
		if err := w.For(Hints).Wait(t.Context()); err != nil || time.Since(begun) > 2*time.Second {
			t.Errorf("waited %v, %v", time.Since(begun), err)
		}
	})
}

func TestSlowRequestsCutTheBudgetAndItRecovers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.calm(10 * time.Second)
		if s := w.Stats(); s.Normal[Write] < 4*time.Millisecond || s.Normal[Write] > 6*time.Millisecond || s.Normal[Read] != 0 {
			t.Fatalf("the normal is %v, want about 5ms of writes only", s.Normal)
		}
		w.works(Transfers, mib/4)
		w.calm(20 * time.Second)
		if s := w.Stats(); s.Factor != 1 || s.Cut {
			t.Errorf("under a calm load the factor is %v, want 1", s.Factor)
		}
		before := w.Stats()
		w.requests(Write, time.Millisecond, 20*time.Millisecond, 3*time.Second)
		s := w.Stats()
		if s.Factor > 1./16 || !s.Cut || s.Recent[Write] < 18*time.Millisecond || s.Recent[Write] > 22*time.Millisecond {
			t.Errorf("with a p99 of 20ms: %+v", s)
		}
		if s.Normal[Write] > before.Normal[Write]*3/2 {
			t.Errorf("what is slow has become normal: %v after %v", s.Normal[Write], before.Normal[Write])
		}
		w.calm(20 * time.Second)
		if s := w.Stats(); s.Factor != 1 {
			t.Errorf("20 s after the slow requests the factor is %v, want 1", s.Factor)
		}
	})
}

func TestSlownessThatWorkHasNoPartInBecomesNormal(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.calm(10 * time.Second)
		w.works(Transfers, mib/4)
		w.requests(Write, time.Millisecond, 20*time.Millisecond, 5*time.Second)
		if s := w.Stats(); s.Factor > 1./16 {
			t.Fatalf("the factor is %v", s.Factor)
		}
		w.requests(Write, time.Millisecond, 20*time.Millisecond, time.Minute)
		if s := w.Stats(); s.Factor != 1 {
			t.Errorf("a minute later: %+v", s)
		}
	})
}

func TestRequestsTooFewToTellCutNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.calm(10 * time.Second)
		time.Sleep(2 * time.Second)
		w.works(Transfers, mib/4)
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			w.Observe(Write, time.Now(), time.Second)
		}
		if s := w.Stats(); s.Factor != 1 {
			t.Errorf("ten requests a second cut it to %v", s.Factor)
		}
	})
}

func TestSlowRequestsWithoutWorkCutNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.calm(10 * time.Second)
		w.requests(Write, time.Millisecond, 50*time.Millisecond, 3*time.Second)
		if s := w.Stats(); s.Factor != 1 || s.Cut {
			t.Errorf("%+v", s)
		}
	})
}

func TestWorkThatFindsRequestsBeginsSmall(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.calm(5 * time.Second)
		w.works(Transfers, mib/4)
		synctest.Wait()
		if s := w.Stats(); s.Factor > beginning || !s.Cut {
			t.Errorf("it begins with %+v", s)
		}
	})
}

func TestMorePutsAmongTheGetsAreNoSlowness(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for range 10 {
			w.requests(Read, time.Millisecond, time.Millisecond, time.Second)
			w.requests(Write, 10*time.Millisecond, 10*time.Millisecond, time.Second)
		}
		w.works(Exchange, mib/4)
		w.requests(Read, time.Millisecond, time.Millisecond, 20*time.Second)
		w.requests(Write, 10*time.Millisecond, 10*time.Millisecond, 5*time.Second)
		if s := w.Stats(); s.Factor != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAtTheFloorEachClassProgresses(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.calm(5 * time.Second)
		for _, c := range Classes() {
			w.works(c, 64<<10)
		}
		w.work.Go(func() { w.requests(Write, time.Second, time.Second, 15*time.Second) })
		time.Sleep(5 * time.Second)
		rates := w.moved(5 * time.Second)
		sum := 0.0
		for c, rate := range rates {
			if rate < 0.1 {
				t.Errorf("%v moves %v MiB a second", Class(c), rate)
			}
			sum += rate
		}
		if sum > 1.1 {
			t.Errorf("together they move %v MiB a second, want 1", sum)
		}
	})
}

func TestClassesAtWorkShareEqually(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for range 10 {
			w.works(Transfers, mib/4) // the more of one class get no more
		}
		stop := w.works(Hints, 16<<10)
		w.work.Go(func() { // it needs little, and leaves the rest to the others
			for w.For(Exchange).Wait(w.life) == nil {
				w.For(Exchange).Pay(mib / 16)
				time.Sleep(62500 * time.Microsecond)
			}
		})
		rates := w.moved(10 * time.Second)
		// An operation of 16 KiB costs 20.
		if !near(rates[Transfers], 31) || !near(rates[Hints]*20/16, 31.5) || !near(rates[Exchange], 1) {
			t.Errorf("they move %v", rates)
		}
		stop()
		time.Sleep(2 * time.Second)
		if rates := w.moved(10 * time.Second); !near(rates[Transfers], 62) {
			t.Errorf("without hints they move %v", rates)
		}
	})
}

func TestAPauseHoldsAtOnceAndForItsClass(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.works(Transfers, mib/4)
		w.works(Hints, mib/4)
		time.Sleep(time.Second)
		w.Pause(Transfers)
		if rates := w.moved(10 * time.Second); rates[Transfers] != 0 || !near(rates[Hints], 63) {
			t.Errorf("with transfers paused they move %v", rates)
		}
		if s := w.Stats().Classes[Transfers]; !s.Paused || s.Waits == 0 {
			t.Errorf("%+v", s)
		}
		w.Resume(Transfers)
		if rates := w.moved(10 * time.Second); !near(rates[Transfers], 32) {
			t.Errorf("resumed, they move %v", rates)
		}
		w.Pause(Classes()...)
		if rates := w.moved(10 * time.Second); rates != [classes]float64{} {
			t.Errorf("with all paused they move %v", rates)
		}
	})
}

func TestManyThatWaitGoOneByOne(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.SetBudget(2 * mib)
		w.For(Transfers).Pay(mib)
		w.For(Transfers).Pay(mib) // the usual is known
		for range 8 {
			w.work.Go(func() {
				if w.For(Transfers).Wait(w.life) == nil {
					time.Sleep(20 * time.Millisecond) // before it knows what it costs
					w.For(Transfers).Pay(mib)
				}
			})
		}
		time.Sleep(3 * time.Second)
		if got := w.Stats().Classes[Transfers].Bytes; got > 7*mib {
			t.Errorf("8 pieces of 1 MiB were let through together: %d MiB after 3 s, want 6", got/mib)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.Pause(Reaping)
		ctx, cancel := clock.WithTimeout(t.Context(), clock.System{}, time.Second)
		defer cancel()
		if err := w.For(Reaping).Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestClassesHaveNames(t *testing.T) {
	for _, c := range Classes() {
		if got, err := ParseClass(c.String()); got != c || err != nil {
			t.Errorf("%v is parsed as %v, %v", c, got, err)
		}
	}
	if _, err := ParseClass("all"); !errors.Is(err, ErrClass) {
		t.Errorf("%v", err)
	}
}
