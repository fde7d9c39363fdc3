package causal

import (
	"errors"
	"fmt"
	"slices"
)

// Policy says what becomes of concurrent writes. It is fixed for a bucket's life.
type Policy uint8

// The policies.
const (
	Siblings Policy = 1 // all are kept until a write that saw them replaces them
	LWW      Policy = 2 // the highest stamp stays, ties by dot
)

// Pair is one line of a value's metadata.
type Pair struct{ Name, Value string }

// Sibling is one of the writes that a key holds. Its dot names it for ever: two
// siblings with one dot are one write.
type Sibling struct {
	Dot         Dot
	Op          OpID
	Stamp       Stamp
	Expiry      int64 // Unix milliseconds from which on it is hidden; 0 is never
	Tombstone   bool
	ContentType string
	Meta        []Pair // sorted by name
	Value       []byte
	Size        int  // of the value, also when it is stripped
	Stripped    bool // the value's bytes were left out
}

// Object is what a replica stores under a key. It is immutable once built; nil is
// nothing, and every function here takes it.
type Object struct {
	Policy     Policy
	Generation uint64
	Siblings   []Sibling   // sorted by dot
	Context    Context     // covers every sibling's dot
	Ops        []Operation // the maxOps highest by stamp and dot, highest first
	Epoch      Epoch       // at which it was read; of what is built from several the lowest
}

// Write is one put or delete: what it replaces, and what it brings.
type Write struct {
	Dot         Dot
	Stamp       Stamp
	Op          OpID
	Seen        *Seen // what its writer had seen; nil: all that the object holds
	Policy      Policy
	Generation  uint64
	Expiry      int64
	Tombstone   bool
	ContentType string
	Meta        []Pair
	Value       []byte
	Epoch       Epoch // at which it is put
}

// Put is the object after w: without the siblings that w saw, and with its own. In
// an lww object what outranks w stays in its place, seen or not: there a join lets
// nothing else go. An object of an older generation is of a bucket that was dropped,
// and is forgotten.
func (o *Object) Put(w Write) *Object {
	if o == nil || o.Generation < w.Generation {
		o = &Object{Policy: w.Policy, Generation: w.Generation, Epoch: w.Epoch}
	}
	seen := Seen{Context: o.Context}
	if w.Seen != nil {
		seen = *w.Seen
	}
	own := Sibling{
		Dot: w.Dot, Op: w.Op, Stamp: w.Stamp, Expiry: w.Expiry, Tombstone: w.Tombstone,
		ContentType: w.ContentType, Meta: w.Meta, Value: w.Value, Size: len(w.Value),
	}
	next := &Object{
		Policy: o.Policy, Generation: o.Generation, Epoch: lowest(o.Epoch, w.Epoch),
		Context: o.Context.Join(seen.Context).with(w.Dot, w.Stamp),
		Ops:     joinOps(o.Ops, append(slices.Clip(seen.Ops), Operation{w.Stamp, w.Dot, w.Op})),
	}
	for i := range o.Siblings {
		if o.Policy == LWW || !seen.Context.Covers(o.Siblings[i].Dot) {
			next.Siblings = append(next.Siblings, o.Siblings[i])
		}
	}
	next.Siblings = append(next.Siblings, own)
	slices.SortFunc(next.Siblings, compareDots)
	next.keepHighest()
	return next
}

// MaxStamp is the highest stamp the object knows.
func (o *Object) MaxStamp() Stamp {
	if o == nil {
		return 0
	}
	return o.Context.stamp
}

// Strip is the object without its values' bytes. Stripped objects join with each
// other; they are never stored.
func (o *Object) Strip() *Object {
	if o == nil {
		return nil
	}
	stripped := *o
	stripped.Siblings = slices.Clone(o.Siblings)
	for i := range stripped.Siblings {
		stripped.Siblings[i].Value = nil
		stripped.Siblings[i].Stripped = true
	}
	return &stripped
}

// Invariant tells what is wrong with an object; nil when it is as Put and Join make
// them.
func (o *Object) Invariant() error {
	if o == nil {
		return nil
	}
	var errs []error
	if o.Policy != Siblings && o.Policy != LWW {
		errs = append(errs, fmt.Errorf("policy %d is unknown", o.Policy))
	}
	if len(o.Siblings) == 0 || (o.Policy == LWW && len(o.Siblings) > 1) {
		errs = append(errs, fmt.Errorf("%d siblings", len(o.Siblings)))
	}
	for i := range o.Siblings {
		s := &o.Siblings[i]
		if !o.Context.Covers(s.Dot) || s.Stamp > o.Context.stamp {
			errs = append(errs, fmt.Errorf("sibling %v is not known to the context", s.Dot))
		}
		if s.Dot.Counter == 0 || (i > 0 && o.Siblings[i-1].Dot.Compare(s.Dot) >= 0) {
			errs = append(errs, errors.New("siblings are not sorted by distinct dots"))
		}
	}
	for i := range o.Ops {
		if i > 0 && compareOps(o.Ops[i-1], o.Ops[i]) <= 0 {
			errs = append(errs, errors.New("operations are not sorted"))
		}
	}
	if len(o.Ops) > maxOps {
		errs = append(errs, fmt.Errorf("%d operations", len(o.Ops)))
	}
	return errors.Join(errs...)
}
