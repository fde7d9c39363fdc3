package lab

import (
	"maps"
	"slices"
	"sync"
)

// Sometimes counts events that a set of runs must have met: a run that passes
// although the event it was made for never occurred proves nothing. The zero value
// is ready; it is safe for concurrent use.
type Sometimes struct {
	mu     sync.Mutex // guards counts
	counts map[string]int
}

// Saw counts one event.
func (s *Sometimes) Saw(event string) { s.add(event, 1) }

// SawIf counts one event when it occurred.
func (s *Sometimes) SawIf(occurred bool, event string) {
	if occurred {
		s.add(event, 1)
	}
}

func (s *Sometimes) add(event string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = make(map[string]int)
	}
	s.counts[event] += n
}

// Add takes in what another run met.
func (s *Sometimes) Add(other *Sometimes) {
	for event, n := range other.Counts() {
		s.add(event, n)
	}
}

// Counts tells how often each event was met.
func (s *Sometimes) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// Missing lists those of the events that were never met.
func (s *Sometimes) Missing(events ...string) []string {
	counts := s.Counts()
	return slices.DeleteFunc(slices.Clone(events), func(event string) bool { return counts[event] > 0 })
}
