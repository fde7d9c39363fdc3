package client

import (
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/ring"
)

// node is one node's address, and how this client's calls to it went.
type node struct {
	id   ring.NodeID // 0 while only a URL is known
	base *url.URL
	up   bool // as the layout's giver saw it
	*health
}

// health outlives the views that a node is in.
type health struct {
	fails  atomic.Int32 // in a row
	failed atomic.Int64 // when it last did, since the client was made
	rests  atomic.Int64 // until when it is not asked; 0: it is well
}

// A node that failed rests: briefly first, since most failures are restarts of a
// connection; never long, since a rest that is too long costs a hop and one that is
// too short one request a lookup of who else there is.
const (
	firstRest = 50 * time.Millisecond
	maxRest   = 5 * time.Second
	// trial is for how long one request alone tries a node whose rest is over.
	trial = time.Second
)

// well reports whether the node may be asked now. A node whose rest is over is given
// to the first that asks; the others see it resting until that one's call is done.
func (h *health) well(now time.Duration) bool {
	until := h.rests.Load()
	if until == 0 {
		return true
	}
	return until <= int64(now) && h.rests.CompareAndSwap(until, int64(now+trial))
}

// ok says that the node answered.
func (h *health) ok() {
	if h.rests.Load() != 0 || h.fails.Load() != 0 {
		h.fails.Store(0)
		h.rests.Store(0)
	}
}

// fail says that the node did not answer a call that began then. Calls that were
// under way together count as one failure.
func (h *health) fail(began, now time.Duration, jitter func(time.Duration) time.Duration) {
	last := h.failed.Load()
	if h.fails.Load() > 0 && int64(began) < last || !h.failed.CompareAndSwap(last, int64(now)) {
		return
	}
	n := h.fails.Add(1)
	rest := maxRest
	if n < 8 { // 50 ms doubled seven times is above maxRest
		rest = min(maxRest, firstRest<<(n-1))
	}
	h.rests.Store(int64(now + jitter(rest)))
}

// pause says that the node answered, and asked to be left alone.
func (h *health) pause(now, d time.Duration) { h.rests.Store(int64(now + d)) }

// suspect reports whether the last call to the node failed.
func (h *health) suspect() bool { return h.fails.Load() > 0 }
