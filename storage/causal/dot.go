package causal

import (
	"cmp"
	"time"
)

// Actor names one holding: one process start's unbroken possession of one partition,
// or of one hint. It is random and never reused (design R1).
type Actor uint64

// Dot names one write: the Counter-th of its Actor. No two writes have one dot.
type Dot struct {
	Actor   Actor
	Counter uint64 // from 1
}

// Compare orders dots by actor and then counter.
func (d Dot) Compare(e Dot) int {
	return cmp.Or(cmp.Compare(d.Actor, e.Actor), cmp.Compare(d.Counter, e.Counter))
}

// Stamp is a hybrid-logical time: milliseconds since the Unix epoch, shifted left by
// 16 bits, and a counter that orders what one millisecond holds.
type Stamp uint64

const logicalBits = 16

// StampOf is the first stamp of t's millisecond; times before the epoch give 0, and
// those after the year 10889, which no stamp can tell, the last millisecond's.
func StampOf(t time.Time) Stamp {
	const last = 1<<(64-logicalBits) - 1
	return Stamp(uint64(min(max(0, t.UnixMilli()), last)) << logicalBits) //nolint:gosec // not negative
}

// Time is the stamp's physical part.
func (s Stamp) Time() time.Time {
	return time.UnixMilli(int64(s >> logicalBits)) //nolint:gosec // 48 bits
}

// Next is the stamp right above s. The highest stamp has none and stays.
func (s Stamp) Next() Stamp {
	if s == ^Stamp(0) {
		return s
	}
	return s + 1
}
