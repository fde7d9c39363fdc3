package clock

import (
	"sync"
	"time"

	"github.com/hengedb/henge/storage/causal"
)

// Hybrid is a hybrid-logical clock. It never runs back, across restarts either: it
// shows nothing above a bound that its owner has on disk, and that is where the next
// start begins. At the bound it stands until the owner moves that. It is safe for
// concurrent use and never waits.
type Hybrid struct {
	clock Clock
	mu    sync.Mutex
	last  causal.Stamp // where the clock is; what it shows is cut at the bound
	bound causal.Stamp // what the disk holds
}

// How far ahead of use the bound is kept: long enough that keeping it costs nothing,
// short enough that a start after a crash is not far ahead of the wall.
const (
	reserveAhead  = 10 * time.Second
	reserveBefore = 5 * time.Second
)

// NewHybrid starts a clock at the bound that an earlier start left on disk; 0 for
// the first.
func NewHybrid(c Clock, bound causal.Stamp) *Hybrid {
	return &Hybrid{clock: c, last: bound, bound: bound}
}

// Now is the time as a stamp: never below what the clock gave or showed before.
func (h *Hybrid) Now() causal.Stamp {
	wall := causal.StampOf(h.clock.Now())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = max(h.last, wall)
	return min(h.last, h.bound)
}

// Spent reports whether the clock stands at the bound: Next gives the same stamp
// again until Extend.
func (h *Hybrid) Spent() bool {
	wall := causal.StampOf(h.clock.Now())
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(h.last, wall) >= h.bound
}

// Next is a new stamp, above floor and, up to the bound, above every stamp before.
// A floor far ahead of the clock does not move it.
func (h *Hybrid) Next(floor causal.Stamp) causal.Stamp {
	wall := causal.StampOf(h.clock.Now())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = max(h.last.Next(), wall)
	return max(min(h.last, h.bound), floor.Next())
}

// Short reports whether the bound is near, and what it should be on disk before
// Extend says so. The owner asks before it mints.
func (h *Hybrid) Short() (bound causal.Stamp, short bool) {
	wall := h.clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	base := max(causal.StampOf(wall), h.last)
	ahead := func(d time.Duration) causal.Stamp { return base + causal.StampOf(time.UnixMilli(d.Milliseconds())) }
	return ahead(reserveAhead), h.bound < ahead(reserveBefore)
}

// Extend says that the disk holds a bound. A lower one than before changes nothing.
func (h *Hybrid) Extend(bound causal.Stamp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bound = max(h.bound, bound)
}
