package fence

import (
	"cmp"
	"slices"

	"github.com/hengedb/henge/ring"
)

// Step is what is done for a fenced partition.
type Step string

// The steps.
const (
	StepAside  Step = "set aside" // what it holds is moved
	StepRefill Step = "refill"    // it is filled from the other primaries
)

// State is how far a fenced partition is.
type State struct {
	Partition ring.Partition
	Step      Step
	Aside     int64  // objects and hints set aside
	Refilled  int64  // objects taken since the start
	Waits     string // why it does not go on; empty while it does
	Alone     bool   // no other primary is there to fill it: a person is asked
}

// States tells how far each fenced partition is, in their order.
func (f *Fence) States() []State {
	f.mu.Lock()
	defer f.mu.Unlock()
	states := make([]State, 0, len(f.works))
	for _, p := range f.o.Store.Fenced() {
		s, begun := f.works[p]
		if !begun {
			s.Step = StepAside
		}
		s.Partition = p
		states = append(states, s)
	}
	slices.SortFunc(states, func(a, b State) int { return cmp.Compare(a.Partition, b.Partition) })
	return states
}

// note changes how far a partition is.
func (f *Fence) note(p ring.Partition, change func(*State)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.works[p]
	s.Waits, s.Alone = "", false
	change(&s)
	f.works[p] = s
}

// forget has a partition be fenced no more.
func (f *Fence) forget(p ring.Partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.works, p)
	delete(f.opens, p)
}

// Open has a partition be unfenced as far as it is filled: a person says that nobody is
// left who could fill it. It reports whether that partition waits for this.
func (f *Fence) Open(p ring.Partition) bool {
	f.mu.Lock()
	alone := f.works[p].Alone
	if alone {
		f.opens[p] = true
	}
	f.mu.Unlock()
	if alone {
		f.Kick()
	}
	return alone
}

func (f *Fence) opened(p ring.Partition) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opens[p]
}
