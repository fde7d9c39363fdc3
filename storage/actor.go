package storage

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/storage/causal"
)

// hintActorsMax bounds the table of hints' actors, 3 MiB or so. A hint whose
// actor was pushed out gets a new one when it mints again: that costs its context
// one more entry, nothing else.
const hintActorsMax = 16 << 10

// clockGap is how far wall and monotonic time may drift apart before all actors
// end. A machine that was suspended, or copied while it ran, shows a jump of the
// wall clock alone; time daemons step by less.
const clockGap = 10 * time.Second

// holding is one unbroken possession of a partition or a hint, and the actor
// that mints in it. Its counter is nowhere else: with the holding the actor ends.
type holding struct {
	actor   causal.Actor
	counter atomic.Uint64
}

// next mints a dot.
func (h *holding) next() causal.Dot {
	return causal.Dot{Actor: h.actor, Counter: h.counter.Add(1)}
}

// newHolding draws an actor. The number of this start and of the draw go into
// it, so that a source of randomness that repeats itself does not repeat actors.
func (s *Store) newHolding() *holding {
	s.randMu.Lock()
	defer s.randMu.Unlock()
	for {
		s.draws++
		actor := causal.Actor(mix(mix(s.options.Rand()) ^ mix(s.salt+s.draws)))
		if actor != 0 {
			return &holding{actor: actor}
		}
	}
}

// mix is the finaliser of splitmix64: a bijection that spreads every bit.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hintActors are the holdings of hints, the most recently used ones.
type hintActors struct {
	mu    sync.Mutex
	order *list.List // of hintActor, most recent first
	byKey map[Key]*list.Element
}

type hintActor struct {
	key     Key
	holding *holding
}

// of returns the holding of k's hint; made is called for one that is not there.
func (a *hintActors) of(k Key, made func() *holding) *holding {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e, ok := a.byKey[k]; ok {
		a.order.MoveToFront(e)
		return e.Value.(*hintActor).holding //nolint:errcheck // the list holds nothing else
	}
	h := made()
	a.byKey[k] = a.order.PushFront(&hintActor{key: k, holding: h})
	if a.order.Len() > hintActorsMax {
		a.removeLocked(a.order.Back())
	}
	return h
}

// end forgets the holding of k's hint.
func (a *hintActors) end(k Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e, ok := a.byKey[k]; ok {
		a.removeLocked(e)
	}
}

// clear forgets them all.
func (a *hintActors) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.order.Init()
	clear(a.byKey)
}

func (a *hintActors) removeLocked(e *list.Element) {
	delete(a.byKey, a.order.Remove(e).(*hintActor).key) //nolint:errcheck // the list holds nothing else
}

// drift watches wall time against monotonic time.
type drift struct {
	mu   sync.Mutex
	base time.Time
}

// jumped reports whether the two have come more than clockGap apart since the
// last time it said so.
func (d *drift) jumped(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	wall := now.Round(0).Sub(d.base.Round(0))
	gap := wall - now.Sub(d.base)
	if gap.Abs() <= clockGap {
		return false
	}
	d.base = now
	return true
}
