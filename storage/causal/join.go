package causal

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

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
		Policy: min(a.Policy, b.Policy), Generation: a.Generation, Epoch: lowest(a.Epoch, b.Epoch),
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

// Renewed is the object as one of another generation of its bucket, with that one's
// policy.
func (o *Object) Renewed(p Policy, generation uint64) *Object {
	renewed := *o
	renewed.Policy, renewed.Generation = p, generation
	renewed.keepHighest()
	return &renewed
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

// same reports whether both objects know and hold the same.
func (o *Object) same(p *Object) bool {
	return o.Policy == p.Policy && o.Context.Equal(p.Context) && slices.Equal(o.Ops, p.Ops) &&
		slices.EqualFunc(o.Siblings, p.Siblings, func(s, t Sibling) bool {
			return s.Dot == t.Dot && s.Stripped == t.Stripped && compareContent(&s, &t) == 0
		})
}
