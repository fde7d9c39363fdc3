package governor

import "time"

// Stats tell how the budget stands.
type Stats struct {
	Factor  float64              // of the budget, above 0 and at most 1
	Budget  float64              // bytes a second, uncut
	Own     bool                 // the budget was set on this node
	Cut     bool                 // work is held back now, because requests are slow or it only began
	Normal  [verbs]time.Duration // p99 by Verb; 0 while none was learned
	Recent  [verbs]time.Duration // p99 of the last window that had requests enough
	Classes []ClassStats         // all, in their order
}

// ClassStats tell of one class.
type ClassStats struct {
	Class  Class
	Bytes  int64 // paid since the start
	Waits  int64 // pieces that had to wait since the start
	Paused bool
}

// Stats tells how the budget stands now.
func (g *Governor) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Clock.Now()
	g.rollIfDue(now)
	s := Stats{
		Factor: g.pace.factor, Budget: g.fullRate(), Own: g.budget > 0,
		Cut: g.pace.factor < 1 && g.worked(now.Add(-idleAfter)),
	}
	for v := range g.pace.verbs {
		s.Normal[v], s.Recent[v] = g.pace.verbs[v].usual, g.pace.verbs[v].recent
	}
	for c := range g.buckets {
		b := &g.buckets[c]
		s.Classes = append(s.Classes, ClassStats{Class: Class(c), Bytes: b.bytes, Waits: b.waits, Paused: b.paused}) //nolint:gosec // there are five
	}
	return s
}
