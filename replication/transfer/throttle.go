package transfer

import (
	"context"
	"sync"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

// throttle is a bucket of tokens that are bytes. Who moves bytes waits until it is not
// in debt, and pays what it moved: nothing is held in memory while it waits. It holds
// a fifth of a second's worth at most.
type throttle struct {
	clock clock.Clock
	rate  func() float64 // bytes a second, as of now

	mu   sync.Mutex
	have float64
	at   time.Time
}

// pausesMost is how long a wait goes without a look at the rate.
const pausesMost = 100 * time.Millisecond

// wait returns once the bucket is not in debt.
func (t *throttle) wait(ctx context.Context) error {
	for {
		owed := t.refill()
		if owed <= 0 {
			return context.Cause(ctx)
		}
		if err := clock.Sleep(ctx, t.clock, min(owed, pausesMost)); err != nil {
			return err
		}
	}
}

// refill adds what has come in, and returns how long the debt takes to go.
func (t *throttle) refill() time.Duration {
	rate := t.rate()
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if !t.at.IsZero() {
		t.have = min(t.have+rate*now.Sub(t.at).Seconds(), rate/5)
	}
	t.at = now
	return time.Duration(-t.have / rate * float64(time.Second))
}

// pay takes n tokens, into debt where they are not there.
func (t *throttle) pay(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.have -= float64(n)
}
