package causal

import (
	"slices"
	"sort"
)

// Context is a set of writes, as a version vector: an entry (a, n) claims that
// everything by a up to n on the key is known. It also carries the highest stamp
// among them. It is a value; none of its methods change it.
type Context struct {
	dots  []Dot // one an actor, sorted, counters above 0
	stamp Stamp
}

// NewContext makes a context of entries, in any order, and a stamp.
func NewContext(stamp Stamp, dots ...Dot) Context {
	c := Context{stamp: stamp}
	for _, d := range dots {
		c = c.with(d, 0)
	}
	return c
}

// Dots lists the entries, sorted by actor. Do not change them.
func (c Context) Dots() []Dot { return c.dots }

// Stamp is the highest stamp that the context carries.
func (c Context) Stamp() Stamp { return c.stamp }

// Len is how many actors the context names.
func (c Context) Len() int { return len(c.dots) }

// Covers reports whether the write named d is known.
func (c Context) Covers(d Dot) bool {
	i := c.search(d.Actor)
	return i < len(c.dots) && c.dots[i].Actor == d.Actor && c.dots[i].Counter >= d.Counter
}

// Equal reports whether both know the same and carry one stamp.
func (c Context) Equal(e Context) bool { return c.stamp == e.stamp && slices.Equal(c.dots, e.dots) }

// Includes reports whether c knows everything that e knows.
func (c Context) Includes(e Context) bool {
	if c.stamp < e.stamp {
		return false
	}
	i := 0
	for _, d := range e.dots {
		for i < len(c.dots) && c.dots[i].Actor < d.Actor {
			i++
		}
		if i == len(c.dots) || c.dots[i].Actor != d.Actor || c.dots[i].Counter < d.Counter {
			return false
		}
	}
	return true
}

// Join is the union: for each actor the higher counter, and the higher stamp.
func (c Context) Join(e Context) Context {
	switch {
	case c.Includes(e):
		return c
	case e.Includes(c):
		return e
	}
	joined := Context{dots: make([]Dot, 0, len(c.dots)+len(e.dots)), stamp: max(c.stamp, e.stamp)}
	a, b := c.dots, e.dots
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Actor < b[0].Actor:
			joined.dots, a = append(joined.dots, a[0]), a[1:]
		case a[0].Actor > b[0].Actor:
			joined.dots, b = append(joined.dots, b[0]), b[1:]
		default:
			joined.dots = append(joined.dots, Dot{a[0].Actor, max(a[0].Counter, b[0].Counter)})
			a, b = a[1:], b[1:]
		}
	}
	joined.dots = append(append(joined.dots, a...), b...)
	return joined
}

// with is the context that also knows d and carries at least stamp.
func (c Context) with(d Dot, stamp Stamp) Context {
	return c.Join(Context{dots: []Dot{d}, stamp: max(stamp, c.stamp)})
}

func (c Context) search(a Actor) int {
	return sort.Search(len(c.dots), func(i int) bool { return c.dots[i].Actor >= a })
}
