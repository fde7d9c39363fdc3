package storage

import (
	"sync"
	"sync/atomic"
)

// once is something that happens once, and can be waited for.
type once struct {
	*sync.Once
	done chan struct{} // closed when it has happened
}

func newOnce() once { return once{Once: &sync.Once{}, done: make(chan struct{})} }

// do makes it happen.
func (o once) do() { o.Do(func() { close(o.done) }) }

// gateClosed is the bit of a gate's state that says no more may enter; the bits
// below it count who is inside.
const gateClosed = int64(1) << 62

// gate counts the users of the store so that Close can wait for them. It is not
// a lock: nobody waits inside it.
type gate struct {
	state   atomic.Int64
	drained once // done once the gate is closed and empty
}

func newGate() *gate { return &gate{drained: newOnce()} }

// enter counts one user in; it reports false when the gate is closed. Who
// entered calls leave.
func (g *gate) enter() bool {
	if g.state.Add(1)&gateClosed == 0 {
		return true
	}
	g.leave()
	return false
}

// again counts one more user in for somebody who is inside: work that outlives
// its caller.
func (g *gate) again() { g.state.Add(1) }

// leave undoes one enter or again.
func (g *gate) leave() {
	if g.state.Add(-1) == gateClosed {
		g.drained.do()
	}
}

// close lets nobody in any more; it reports false when the gate was closed
// before.
func (g *gate) close() bool {
	for {
		old := g.state.Load()
		if old&gateClosed != 0 {
			return false
		}
		if g.state.CompareAndSwap(old, old|gateClosed) {
			g.again()
			g.leave() // whoever is last, and here that may be nobody, closes drained
			return true
		}
	}
}
