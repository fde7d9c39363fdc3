package exchange

import "context"

// Pace holds back what nobody waits for. Who moves bytes calls Wait first, and then
// Pay with what it moved.
type Pace interface {
	// Wait returns nil once work may go on, or ctx's cause when ctx ends.
	Wait(ctx context.Context) error
	// Pay counts n bytes.
	Pay(n int)
}

// unpaced holds nothing back.
type unpaced struct{}

// Wait waits for nothing.
func (unpaced) Wait(ctx context.Context) error { return context.Cause(ctx) }

// Pay counts nothing.
func (unpaced) Pay(int) {}
