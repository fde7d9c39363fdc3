package history

import (
	"slices"
	"sync"
)

// Recorder collects a history from many processes. The zero value is ready; it is
// safe for concurrent use.
type Recorder struct {
	mu  sync.Mutex // guards ops
	ops History
}

// Add appends o, gives it its index and returns it.
func (r *Recorder) Add(o Op) Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	o.Index = len(r.ops)
	r.ops = append(r.ops, o)
	return o
}

// History returns what was recorded so far. The caller may keep and change the
// list.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ops)
}
