package exchange

import (
	"context"
	"sync"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

// Pace holds back what nobody waits for. Who moves bytes calls Wait first, and then
// Pay with what it moved.
type Pace interface {
	// Wait returns nil once work may go on, or ctx's cause when ctx ends.
	Wait(ctx context.Context) error
	// Pay counts n bytes.
	Pay(n int)
}

// defaultRate lets one node read and ship 32 MiB a second for exchanges and trees: a
// quarter of what a disk of the slow kind reads.
const defaultRate = 32 << 20

// throttle is a bucket of tokens that are bytes, at a fixed rate. It holds a fifth of
// a second's worth.
type throttle struct {
	clock clock.Clock

	mu   sync.Mutex
	have float64
	at   time.Time
}

var _ Pace = (*throttle)(nil)

// Wait returns once the bucket is not in debt.
func (t *throttle) Wait(ctx context.Context) error {
	for {
		owed := t.refill()
		if owed <= 0 {
			return context.Cause(ctx)
		}
		if err := clock.Sleep(ctx, t.clock, owed); err != nil {
			return err
		}
	}
}

// refill adds what has come in, and returns how long the debt takes to go.
func (t *throttle) refill() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if !t.at.IsZero() {
		t.have = min(t.have+defaultRate*now.Sub(t.at).Seconds(), defaultRate/5)
	}
	t.at = now
	return time.Duration(-t.have / defaultRate * float64(time.Second))
}

// Pay takes n tokens, into debt where they are not there.
func (t *throttle) Pay(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.have -= float64(n)
}
