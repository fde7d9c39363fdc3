package clock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errTired = errors.New("tired")

func TestATimeoutEndsItsContext(t *testing.T) {
	for name, test := range map[string]struct {
		act   func(cancelParent context.CancelCauseFunc, cancel context.CancelFunc)
		after time.Duration
		want  error
	}{
		"when the time has passed":         {func(context.CancelCauseFunc, context.CancelFunc) {}, time.Minute, context.DeadlineExceeded},
		"when the caller is done":          {func(_ context.CancelCauseFunc, cancel context.CancelFunc) { cancel() }, 0, context.Canceled},
		"with its parent, and that cause":  {func(parent context.CancelCauseFunc, _ context.CancelFunc) { parent(errTired) }, 0, errTired},
		"once: a late cancel changes none": {func(parent context.CancelCauseFunc, cancel context.CancelFunc) { parent(errTired); cancel() }, 0, errTired},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancelParent := context.WithCancelCause(t.Context())
				begin := time.Now()
				ctx, cancel := WithTimeout(parent, System{}, time.Minute)
				defer cancel()
				if err := ctx.Err(); err != nil {
					t.Errorf("ended at once: %v", err)
				}
				test.act(cancelParent, cancel)
				<-ctx.Done()
				if got := context.Cause(ctx); !errors.Is(got, test.want) {
					t.Errorf("ended by %v, want %v", got, test.want)
				}
				if took := time.Since(begin); took != test.after {
					t.Errorf("ended after %v, want %v", took, test.after)
				}
			})
		})
	}
}

func TestSleepWaitsForTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := Sleep(t.Context(), System{}, time.Hour); err != nil {
			t.Errorf("sleep: %v", err)
		}
		if took := time.Since(begin); took != time.Hour {
			t.Errorf("slept %v, want an hour", took)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		System{}.AfterFunc(time.Second, func() { cancel(errTired) })
		if err := Sleep(ctx, System{}, time.Hour); !errors.Is(err, errTired) {
			t.Errorf("sleep that was ended: %v, want the cause", err)
		}
		if took := time.Since(begin); took != time.Hour+time.Second {
			t.Errorf("woke after %v", took)
		}
	})
}

// hand is a clock that a test sets.
type hand struct {
	now     time.Time
	timers  int
	stopped int
}

var _ Clock = (*hand)(nil)

func (h *hand) Now() time.Time { return h.now }

func (h *hand) AfterFunc(time.Duration, func()) Timer {
	h.timers++
	return stopper{h}
}

type stopper struct{ h *hand }

func (s stopper) Stop() bool { s.h.stopped++; return true }

// TestNoTimerIsLeftBehind: a timer that nobody stops lives as long as its time.
func TestNoTimerIsLeftBehind(t *testing.T) {
	h := &hand{}
	ctx, cancel := WithTimeout(t.Context(), h, time.Hour)
	cancel()
	if err := Sleep(ctx, h, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("sleep: %v, want the end of its context", err)
	}
	if h.timers != 2 || h.stopped != 2 {
		t.Errorf("%d of %d timers were stopped, want 2 of 2", h.stopped, h.timers)
	}
}
