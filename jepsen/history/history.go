package history

import "fmt"

// History is what happened, in order.
type History []Op

// Check says what makes h no history: the first operation that is wrong by itself,
// an index out of order, a completion nobody waits for, a second invoke of a busy
// process, a value written twice.
func (h History) Check() error {
	open := make(map[int]*Op)
	values := make(map[string]int)
	for i := range h {
		o := &h[i]
		if err := o.Check(); err != nil {
			return err
		}
		if o.Index != i {
			return fmt.Errorf("operation %d stands at place %d", o.Index, i)
		}
		if o.F == Fault {
			continue
		}
		if err := pairOf(open, o); err != nil {
			return err
		}
		if o.Writes() && o.Type == Invoke {
			if first, twice := values[o.Value]; twice {
				return fmt.Errorf("operation %d writes %q, as operation %d did: values must be unique", i, o.Value, first)
			}
			values[o.Value] = i
		}
	}
	return nil
}

// pairOf keeps open, the operations at work, up to date with o.
func pairOf(open map[int]*Op, o *Op) error {
	invoked, busy := open[o.Process]
	switch {
	case o.Type == Invoke && busy:
		return fmt.Errorf("operation %d: process %d is at work on operation %d", o.Index, o.Process, invoked.Index)
	case o.Type == Invoke:
		open[o.Process] = o
		return nil
	case !busy:
		return fmt.Errorf("operation %d: process %d was not at work", o.Index, o.Process)
	case invoked.F != o.F || invoked.Key != o.Key || invoked.Bucket != o.Bucket || invoked.Value != o.Value:
		return fmt.Errorf("operation %d completes something else than operation %d", o.Index, invoked.Index)
	}
	delete(open, o.Process)
	return nil
}

// Pair is one operation from its beginning to its end.
type Pair struct {
	Invoke Op
	// End is the completion. An operation that never completed has an End of type
	// Info at the time of its invoke.
	End Op
}

// Pairs joins each invoke with its completion, in the order of invokes. Faults are
// left out.
func (h History) Pairs() []Pair {
	pairs := make([]Pair, 0, len(h)/2)
	open := make(map[int]int)
	for i := range h {
		o := h[i]
		switch at, busy := open[o.Process]; {
		case o.F == Fault:
		case o.Type == Invoke:
			end := o
			end.Type = Info
			open[o.Process] = len(pairs)
			pairs = append(pairs, Pair{Invoke: o, End: end})
		case busy:
			pairs[at].End = o
			delete(open, o.Process)
		}
	}
	return pairs
}
