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

// Clock is one node's clock. Two timers set together, for the same duration, fire
// at two instants, in an order that the seed decides. It is safe for concurrent use.
type Clock struct {
	id uint64 // of the seed and the node

	mu     sync.Mutex // guards what follows
	offset time.Duration
	at     uint64            // the instant of the timers that were set last
	timers map[uint64]uint64 // how many of each name were set at that instant
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
	c.mu.Lock()
	if now := instant(); now != c.at || c.timers == nil {
		c.at, c.timers = now, make(map[uint64]uint64)
	}
	name := chance(uint64(d), callers()) //nolint:gosec // a name, not a number
	c.timers[name]++
	spread := within(chance(c.id, c.at, name, c.timers[name]), timerSpread)
	c.mu.Unlock()
	return time.AfterFunc(max(d, 0)+spread+1, f)
}

// callers names who sets a timer: goroutines that run at one instant come here in no
// fixed order, and must not swap the shares that they draw.
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
