package causal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Policy says what becomes of concurrent writes. It is fixed for a bucket's life.
type Policy uint8

// The policies.
const (
	Siblings Policy = 1 // all are kept until a write that saw them replaces them
	LWW      Policy = 2 // the highest stamp stays, ties by dot
)

// OpID names a client's operation. The zero value names none.
type OpID [16]byte

// NewOpID hashes an operation's name with its verb and body, so that one name used
// for two bodies is two operations. secret keeps clients from choosing the result.
func NewOpID(secret, id, verb string, body []byte) OpID {
	h := sha256.New()
	var size [8]byte
	for _, part := range []string{secret, id, verb} {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	h.Write(body)
	var sum [sha256.Size]byte
	return OpID(h.Sum(sum[:0])[:16])
}

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

// Operation remembers a client's operation for retries.
type Operation struct {
	Stamp Stamp
	Dot   Dot
	Op    OpID
}

// maxOps is how many operations an object remembers: the last few of its writers,
// enough for a retry that comes within seconds.
const maxOps = 8

// Object is what a replica stores under a key. It is immutable once built; nil is
// nothing, and every function here takes it.
type Object struct {
	Policy     Policy
	Generation uint64
	Siblings   []Sibling   // sorted by dot
	Context    Context     // covers every sibling's dot
	Ops        []Operation // the maxOps highest by stamp and dot, highest first
}

// Write is one put or delete: what it replaces, and what it brings.
type Write struct {
	Dot         Dot
	Stamp       Stamp
	Op          OpID
	Context     *Context // what its writer had seen; nil: all that the object holds
	Policy      Policy
	Generation  uint64
	Expiry      int64
	Tombstone   bool
	ContentType string
	Meta        []Pair
	Value       []byte
}

// Put is the object after w: without the siblings that w saw, and with its own. An
// object of an older generation is of a bucket that was dropped, and is forgotten.
func (o *Object) Put(w Write) *Object {
	if o == nil || o.Generation < w.Generation {
		o = &Object{Policy: w.Policy, Generation: w.Generation}
	}
	seen := o.Context
	if w.Context != nil {
		seen = *w.Context
	}
	own := Sibling{
		Dot: w.Dot, Op: w.Op, Stamp: w.Stamp, Expiry: w.Expiry, Tombstone: w.Tombstone,
		ContentType: w.ContentType, Meta: w.Meta, Value: w.Value, Size: len(w.Value),
	}
	next := &Object{
		Policy: o.Policy, Generation: o.Generation,
		Context: o.Context.Join(seen).with(w.Dot, w.Stamp),
		Ops:     joinOps(o.Ops, []Operation{{w.Stamp, w.Dot, w.Op}}),
	}
	for i := range o.Siblings {
		if !seen.Covers(o.Siblings[i].Dot) {
			next.Siblings = append(next.Siblings, o.Siblings[i])
		}
	}
	next.Siblings = append(next.Siblings, own)
	slices.SortFunc(next.Siblings, compareDots)
	next.keepHighest()
	return next
}

// Join is what both objects know together. It is commutative, associative and
// idempotent. It returns a itself when b adds nothing, and b when a adds nothing;
// of two generations of a bucket the higher one, whole.
func Join(a, b *Object) *Object {
	switch {
	case a == b || b == nil:
		return a
	case a == nil:
		return b
	case a.Generation != b.Generation:
		if a.Generation > b.Generation {
			return a
		}
		return b
	}
	joined := &Object{
		Policy: min(a.Policy, b.Policy), Generation: a.Generation,
		Siblings: joinSiblings(a, b), Context: a.Context.Join(b.Context), Ops: joinOps(a.Ops, b.Ops),
	}
	joined.keepHighest()
	switch {
	case joined.same(a):
		return a
	case joined.same(b):
		return b
	}
	return joined
}

// joinSiblings keeps what both hold, and what one holds that the other has not
// seen. In an lww object nothing is dropped here: what a context covers without
// holding it was outranked.
func joinSiblings(a, b *Object) []Sibling {
	lww := min(a.Policy, b.Policy) == LWW
	out := make([]Sibling, 0, max(len(a.Siblings), len(b.Siblings)))
	i, j := 0, 0
	for i < len(a.Siblings) || j < len(b.Siblings) {
		var order int
		switch {
		case i == len(a.Siblings):
			order = 1
		case j == len(b.Siblings):
			order = -1
		default:
			order = a.Siblings[i].Dot.Compare(b.Siblings[j].Dot)
		}
		switch {
		case order < 0:
			if lww || !b.Context.Covers(a.Siblings[i].Dot) {
				out = append(out, a.Siblings[i])
			}
			i++
		case order > 0:
			if lww || !a.Context.Covers(b.Siblings[j].Dot) {
				out = append(out, b.Siblings[j])
			}
			j++
		default:
			out = append(out, *settle(&a.Siblings[i], &b.Siblings[j]))
			i, j = i+1, j+1
		}
	}
	return out
}

// keepHighest leaves an lww object the one sibling that outranks the others.
func (o *Object) keepHighest() {
	if o.Policy != LWW || len(o.Siblings) < 2 {
		return
	}
	highest := slices.MaxFunc(o.Siblings, func(s, t Sibling) int {
		return cmp.Or(cmp.Compare(s.Stamp, t.Stamp), s.Dot.Compare(t.Dot))
	})
	o.Siblings = []Sibling{highest}
}

// settle chooses between two siblings of one dot. They are one write and equal,
// unless somebody minted a dot twice: then every replica must choose alike.
func settle(s, t *Sibling) *Sibling {
	if s.Stripped != t.Stripped {
		if s.Stripped {
			return t
		}
		return s
	}
	if compareContent(s, t) >= 0 {
		return s
	}
	return t
}

func compareContent(s, t *Sibling) int {
	if len(s.Value) > 0 && len(s.Value) == len(t.Value) && &s.Value[0] == &t.Value[0] && s.Stamp == t.Stamp && s.Op == t.Op {
		return 0
	}
	return cmp.Or(
		cmp.Compare(s.Stamp, t.Stamp), bytes.Compare(s.Op[:], t.Op[:]), cmp.Compare(s.Expiry, t.Expiry),
		cmp.Compare(tombstone(s), tombstone(t)), strings.Compare(s.ContentType, t.ContentType),
		slices.CompareFunc(s.Meta, t.Meta, comparePairs), cmp.Compare(s.Size, t.Size), bytes.Compare(s.Value, t.Value),
	)
}

func comparePairs(p, q Pair) int {
	return cmp.Or(strings.Compare(p.Name, q.Name), strings.Compare(p.Value, q.Value))
}

func tombstone(s *Sibling) int {
	if s.Tombstone {
		return 1
	}
	return 0
}

func compareDots(s, t Sibling) int { return s.Dot.Compare(t.Dot) }

// joinOps merges two lists of remembered operations and keeps the highest.
func joinOps(a, b []Operation) []Operation {
	out := make([]Operation, 0, len(a)+len(b))
	out = append(append(out, a...), b...)
	slices.SortFunc(out, func(x, y Operation) int { return compareOps(y, x) })
	out = slices.Compact(out)
	return slices.Clip(out[:min(len(out), maxOps)])
}

func compareOps(x, y Operation) int {
	return cmp.Or(cmp.Compare(x.Stamp, y.Stamp), x.Dot.Compare(y.Dot), bytes.Compare(x.Op[:], y.Op[:]))
}

// same reports whether both objects know and hold the same.
func (o *Object) same(p *Object) bool {
	return o.Policy == p.Policy && o.Context.Equal(p.Context) && slices.Equal(o.Ops, p.Ops) &&
		slices.EqualFunc(o.Siblings, p.Siblings, func(s, t Sibling) bool {
			return s.Dot == t.Dot && s.Stripped == t.Stripped && compareContent(&s, &t) == 0
		})
}

// Find looks an operation up among those the object remembers.
func (o *Object) Find(op OpID) (Operation, bool) {
	if o == nil || op == (OpID{}) {
		return Operation{}, false
	}
	i := slices.IndexFunc(o.Ops, func(known Operation) bool { return known.Op == op })
	if i < 0 {
		return Operation{}, false
	}
	return o.Ops[i], true
}

// MaxStamp is the highest stamp the object knows.
func (o *Object) MaxStamp() Stamp {
	if o == nil {
		return 0
	}
	return o.Context.stamp
}

// Live is what a read shows at a time in Unix milliseconds: no tombstones, nothing
// expired, and of one operation that two coordinators minted only one dot.
func (o *Object) Live(now int64) []Sibling {
	if o == nil {
		return nil
	}
	var live []Sibling
	for _, s := range o.distinct() {
		if !s.Tombstone && (s.Expiry == 0 || s.Expiry > now) {
			live = append(live, s)
		}
	}
	return live
}

// distinct leaves out siblings whose operation another dot stands for: one that is
// held too, or one that was seen and replaced. It never leaves out all.
func (o *Object) distinct() []Sibling {
	if o.Policy != Siblings || len(o.Siblings) < 2 {
		return o.Siblings
	}
	var shown []Sibling
	for _, s := range o.Siblings {
		if !o.doubled(shown, s) {
			shown = append(shown, s)
		}
	}
	if len(shown) == 0 {
		return o.Siblings[:1]
	}
	return shown
}

func (o *Object) doubled(shown []Sibling, s Sibling) bool {
	if s.Op == (OpID{}) {
		return false
	}
	if slices.ContainsFunc(shown, func(t Sibling) bool { return t.Op == s.Op }) {
		return true
	}
	return slices.ContainsFunc(o.Ops, func(known Operation) bool {
		return known.Op == s.Op && known.Dot != s.Dot && o.Context.Covers(known.Dot) && !o.holds(known.Dot)
	})
}

func (o *Object) holds(d Dot) bool {
	return slices.ContainsFunc(o.Siblings, func(s Sibling) bool { return s.Dot == d })
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
