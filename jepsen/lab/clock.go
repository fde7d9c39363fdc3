package lab

import (
	"runtime"
	"sync"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

// timerSpread is how much later than asked a timer may fire: enough that timers
// set at one instant for one duration do not fall on one instant again, too little
// for anybody to notice.
const timerSpread = 1 << 16 * time.Nanosecond

// Clock is one node's clock. Timers set together by different callers, for the same
// duration, fire at different instants, in an order that the seed decides. It is safe
// for concurrent use.
type Clock struct {
	id uint64 // of the seed and the node

	mu     sync.Mutex // guards offset
	offset time.Duration
}

var _ clock.Clock = (*Clock)(nil)

// NewClock returns a clock whose timers are spread by id.
func NewClock(id uint64) *Clock { return &Clock{id: id} }

// Set makes the clock show time that is offset away from the true one. Timers are
// not moved: they run on elapsed time. The monotonic reading moves along with the
// wall's, so an offset set under a running node is a jump of both.
func (c *Clock) Set(offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = offset
}

// Now is the time as this node sees it.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// AfterFunc runs f in a goroutine of its own once d has passed.
func (c *Clock) AfterFunc(d time.Duration, f func()) clock.Timer {
	spread := within(chance(c.id, instant(), uint64(d), callers()), timerSpread) //nolint:gosec // a name, not a number
	return time.AfterFunc(max(d, 0)+spread+1, f)
}

// callers names who sets a timer: goroutines that run at one instant come here in no
// fixed order, and must not swap the shares that they draw. Counting them would not
// help: how often a loop turns at one instant is no more fixed.
func callers() uint64 {
	var pcs [4]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var name uint64
	for {
		frame, more := frames.Next()
		name = chance(name, text(frame.Function))
		if !more {
			return name
		}
	}
}
