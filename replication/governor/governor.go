package governor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

// Options are what a Governor works with. Both must be set.
type Options struct {
	Clock clock.Clock
	// Budget is how many bytes a second background work may move when nothing is in its
	// way, as of now; SetBudget goes before it. It must not wait, and be more than 0.
	Budget func() float64
}

// Governor is one node's. It is safe for concurrent use, and needs no Close.
type Governor struct {
	o     Options
	begun time.Time
	seen  [verbs]histogram
	until atomic.Int64 // when the window may end, since begun

	mu      sync.Mutex // guards what follows
	pace    pace
	budget  float64 // 0: by the options
	buckets [classes]bucket
	at      time.Time // of the last refill
}

// New begins with no normal, and an uncut budget.
func New(o Options) *Governor {
	g := &Governor{o: o, begun: o.Clock.Now()}
	g.at = g.begun
	g.pace.factor = 1
	g.until.Store(int64(window))
	return g
}

// Observe takes in that a request ended, at now, after it took so long. Requests that
// failed are not for it: a dead replica is no reason to yield. It costs some ten
// nanoseconds, neither allocates nor waits.
func (g *Governor) Observe(v Verb, now time.Time, took time.Duration) {
	g.seen[v].add(took)
	if int64(now.Sub(g.begun)) >= g.until.Load() && g.mu.TryLock() { // else somebody else sees to it
		g.roll(now)
		g.mu.Unlock()
	}
}

// pauseMost is how long a Wait goes without a look at the budget.
const pauseMost = 100 * time.Millisecond

// Share is a class's part of the budget.
type Share struct {
	g *Governor
	c Class
}

// For is what a class waits at and pays to.
func (g *Governor) For(c Class) Share { return Share{g, c} }

// Wait returns once the class may do another piece of work, and takes what the last ones
// cost for it in advance. It fails only with ctx's cause.
func (s Share) Wait(ctx context.Context) error {
	g := s.g
	for first := true; ; first = false {
		pause := g.admit(s.c, first)
		if pause <= 0 {
			return context.Cause(ctx)
		}
		if err := clock.Sleep(ctx, g.o.Clock, pause); err != nil {
			return err
		}
	}
}

// admit takes a piece's cost, or tells after what time to ask again.
func (g *Governor) admit(c Class, first bool) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Clock.Now()
	b := &g.buckets[c]
	if !g.worked(now.Add(-idleAfter)) && !b.paused {
		g.roll(now)
		g.pace.start()
	}
	if !b.paused {
		b.used = now
	}
	share := g.refill(now)
	switch {
	case b.paused:
		b.waits += boolToInt(first)
		return pauseMost
	case b.have < 0:
		b.waits += boolToInt(first)
		// Tokens come in fractions: a pause too short to bring one would never end.
		return min(max(time.Duration(-b.have/share*float64(time.Second)), time.Millisecond), pauseMost)
	}
	b.have -= b.usual
	b.advance += b.usual
	return 0
}

// operationBytes is what an operation costs beside its bytes: many small ones are not
// cheap. With it the floor is some hundred operations a second.
const operationBytes = 4 << 10

// Pay says how large a piece was that a Wait let through; work that was let through
// once may pay more than once.
func (s Share) Pay(n int) {
	g := s.g
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Clock.Now()
	g.refill(now)
	b := &g.buckets[s.c]
	cost := float64(n + operationBytes)
	back := min(b.usual, b.advance)
	b.advance -= back
	b.have -= cost - back
	b.usual += (cost - b.usual) / 8
	b.used = now
	b.bytes += int64(n)
	g.pace.paid += cost
}

// Pause keeps classes from any more work, until Resume.
func (g *Governor) Pause(cs ...Class) { g.hold(true, cs) }

// Resume lets classes work again.
func (g *Governor) Resume(cs ...Class) { g.hold(false, cs) }

func (g *Governor) hold(paused bool, cs []Class) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range cs {
		g.buckets[c].paused = paused
	}
}

// SetBudget sets the bytes a second of this node; 0 is what the options say.
func (g *Governor) SetBudget(bytes float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refill(g.o.Clock.Now()) // what is past was of the former budget
	g.budget = max(bytes, 0)
}

func (g *Governor) fullRate() float64 {
	if g.budget > 0 {
		return g.budget
	}
	return g.o.Budget()
}

func boolToInt(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
