package causal

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// Epoch names a round of reaping in a partition. An object outside its store carries the
// one that held where and when it was read: what was read before a round must not come
// back after it. It is no part of what the object knows. The zero Epoch is before all.
type Epoch struct {
	Number uint64 // higher than that of any round its initiator knew of
	Round  uint64 // drawn at random: no two rounds share an epoch
}

// Compare orders epochs.
func (e Epoch) Compare(f Epoch) int {
	return cmp.Or(cmp.Compare(e.Number, f.Number), cmp.Compare(e.Round, f.Round))
}

// Less reports whether e is below f.
func (e Epoch) Less(f Epoch) bool { return e.Compare(f) < 0 }

// String is the epoch for people.
func (e Epoch) String() string { return fmt.Sprintf("%d-%016x", e.Number, e.Round) }

// Append appends the epoch's 16 bytes.
func (e Epoch) Append(dst []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, e.Number), e.Round)
}

// DecodeEpoch is the inverse of Append, of exactly 16 bytes.
func DecodeEpoch(b [16]byte) Epoch {
	return Epoch{Number: binary.BigEndian.Uint64(b[:8]), Round: binary.BigEndian.Uint64(b[8:])}
}

// lowest is the epoch of what is built from two.
func lowest(e, f Epoch) Epoch {
	if f.Less(e) {
		return f
	}
	return e
}

// At is the object as read at an epoch.
func (o *Object) At(e Epoch) *Object {
	if o == nil || o.Epoch == e {
		return o
	}
	at := *o
	at.Epoch = e
	return &at
}

// Dead reports whether nothing of the object is shown from now (Unix milliseconds) on,
// whatever the time: all of it is deleted or expired.
func (o *Object) Dead(now int64) bool {
	return o != nil && !slices.ContainsFunc(o.Siblings, func(s Sibling) bool {
		return !s.Tombstone && (s.Expiry == 0 || s.Expiry > now)
	})
}

// Mortal reports whether the object is dead, or will be: each sibling is deleted or
// expires some day.
func (o *Object) Mortal() bool {
	return o != nil && !slices.ContainsFunc(o.Siblings, func(s Sibling) bool { return !s.Tombstone && s.Expiry == 0 })
}

// Wide reports whether the context names actors that none of the siblings is by, and
// that nothing is shown for: of an operation that was minted twice, the dot that is gone
// says that the other one is not to be shown.
func (o *Object) Wide() bool {
	if o == nil || slices.ContainsFunc(o.Siblings, o.doubled) {
		return false
	}
	actors := 0
	for i := range o.Siblings { // sorted by dot, and so by actor
		if i == 0 || o.Siblings[i].Dot.Actor != o.Siblings[i-1].Dot.Actor {
			actors++
		}
	}
	return o.Context.Len() > actors
}

// Narrow is the object with no more in its context than its siblings' dots and the
// highest stamp. It forgets what they replaced: only a proof that no replica, hint or
// message still holds any of that allows it (package reap).
func (o *Object) Narrow() *Object {
	narrow := *o
	narrow.Context = Context{stamp: o.Context.stamp}
	for i := range o.Siblings {
		narrow.Context = narrow.Context.with(o.Siblings[i].Dot, 0)
	}
	return &narrow
}
