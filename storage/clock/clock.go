package clock

import (
	"context"
	"time"
)

// Clock tells time and runs functions later. Implementations are safe for
// concurrent use.
type Clock interface {
	// Now returns wall time with a monotonic reading, as time.Now does.
	Now() time.Time
	// AfterFunc runs f in a goroutine of its own once d has passed.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is what AfterFunc hands out.
type Timer interface {
	// Stop keeps the function from running; it reports false when it already ran or was stopped.
	Stop() bool
}

// System is the machine's clock.
type System struct{}

var _ Clock = System{}

// Now is time.Now.
func (System) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (System) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// WithTimeout returns a context that ends with context.DeadlineExceeded as its
// cause once d has passed on c. The caller calls cancel when it is done.
func WithTimeout(parent context.Context, c Clock, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	timer := c.AfterFunc(d, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		timer.Stop()
		cancel(context.Canceled)
	}
}

// Sleep waits until d has passed on c or ctx ends; it returns ctx's cause in the
// latter case.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	done := make(chan struct{})
	timer := c.AfterFunc(d, func() { close(done) })
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
