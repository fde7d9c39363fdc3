package causal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
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

// Operation remembers a client's operation for retries.
type Operation struct {
	Stamp Stamp
	Dot   Dot
	Op    OpID
}

// maxOps is how many operations an object remembers: the last few of its writers,
// enough for a retry that comes within seconds.
const maxOps = 8

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
