package exchange

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// errMessage is a message that no node of this version sends.
var errMessage = errors.New("malformed exchange message")

// The bounds of a piece.
const (
	pieceRows  = 512
	pieceBytes = 256 << 10 // of objects that are sent
	readBytes  = 2 << 20   // of objects that are read for their digests
)

// kind says what is asked.
type kind byte

const (
	kindRoot    kind = 1
	kindDigests kind = 2
	kindFetch   kind = 3
)

// verdict is what a node says about another's root.
type verdict byte

const (
	verdictDiffer  verdict = 0 // the leaves follow
	verdictEqual   verdict = 1
	verdictUnknown verdict = 2 // the tree is being built
)

// segments is a set of a partition's segments.
type segments [ring.SegmentsPerPartition / 8]byte

func (s *segments) add(i ring.Segment)      { s[i/8] |= 1 << (i % 8) }
func (s *segments) has(i ring.Segment) bool { return s[i/8]&(1<<(i%8)) != 0 }

// join adds all of t.
func (s *segments) join(t *segments) {
	for i := range s {
		s[i] |= t[i]
	}
}

func (s *segments) len() int {
	n := 0
	for _, b := range s {
		n += bits.OnesCount8(b)
	}
	return n
}

// ask is a request.
type ask struct {
	kind      kind
	partition ring.Partition
	root      uint64
	segments  segments
	after     storage.Key   // of digests: only keys behind it; zero is all
	keys      []storage.Key // of fetch
}

func (a *ask) encode() []byte {
	b := binary.AppendUvarint([]byte{byte(a.kind)}, uint64(a.partition))
	switch a.kind {
	case kindRoot:
		b = binary.BigEndian.AppendUint64(b, a.root)
	case kindDigests:
		b = appendPlace(append(b, a.segments[:]...), a.after)
	case kindFetch:
		for _, k := range a.keys {
			b = appendPlace(b, k)
		}
	}
	return b
}

func decodeAsk(b []byte) (*ask, error) {
	r := reader{rest: b}
	a := &ask{kind: kind(r.byte()), partition: ring.Partition(r.uvarint(1 << 31))} //nolint:gosec // bounded
	switch a.kind {
	case kindRoot:
		a.root = r.uint64()
	case kindDigests:
		copy(a.segments[:], r.take(len(a.segments)))
		a.after = r.place()
	case kindFetch:
		for len(r.rest) > 0 && !r.failed {
			a.keys = append(a.keys, r.place())
			r.failed = r.failed || len(a.keys) > pieceRows
		}
	default:
		r.failed = true
	}
	return a, r.end()
}

// encodeRoot is the answer to a root; leaves is nil unless they differ.
func encodeRoot(v verdict, leaves []uint64) []byte {
	b := append(make([]byte, 0, 1+8*len(leaves)), byte(v))
	for _, leaf := range leaves {
		b = binary.BigEndian.AppendUint64(b, leaf)
	}
	return b
}

func decodeRoot(b []byte) (v verdict, leaves []uint64, err error) {
	r := reader{rest: b}
	switch v = verdict(r.byte()); v {
	case verdictDiffer:
		leaves = make([]uint64, ring.SegmentsPerPartition)
		for i := range leaves {
			leaves[i] = r.uint64()
		}
	case verdictEqual, verdictUnknown:
	default:
		r.failed = true
	}
	return v, leaves, r.end()
}

// row is a key and what is known under it.
type row struct {
	key    storage.Key
	digest causal.Digest
}

func encodeRows(rows []row, more bool) []byte {
	b := make([]byte, 1, 1+len(rows)*64)
	if more {
		b[0] = 1
	}
	for _, one := range rows {
		b = append(appendPlace(b, one.key), one.digest[:]...)
	}
	return b
}

func decodeRows(b []byte) (rows []row, more bool, err error) {
	r := reader{rest: b}
	flag := r.byte()
	r.failed = r.failed || flag > 1
	for len(r.rest) > 0 && !r.failed {
		one := row{key: r.place()}
		copy(one.digest[:], r.take(len(one.digest)))
		rows = append(rows, one)
		r.failed = r.failed || len(rows) > pieceRows
	}
	return rows, flag == 1, r.end()
}

func encodeObjects(objects []*causal.Object) []byte {
	var b []byte
	for _, o := range objects {
		raw := o.Append(nil)
		b = append(binary.AppendUvarint(b, uint64(len(raw))), raw...)
	}
	return b
}

// decodeObjects is the inverse; nil is what the sender has nothing of.
func decodeObjects(b []byte) ([]*causal.Object, error) {
	r := reader{rest: b}
	var objects []*causal.Object
	for len(r.rest) > 0 && !r.failed {
		raw := r.take(r.length(uint64(len(r.rest))))
		if r.failed = r.failed || len(objects) == pieceRows; r.failed {
			break
		}
		var o *causal.Object
		if len(raw) > 0 {
			var err error
			if o, err = causal.Decode(raw); err != nil {
				return nil, fmt.Errorf("%w: %w", errMessage, err)
			}
			if slices.ContainsFunc(o.Siblings, func(s causal.Sibling) bool { return s.Stripped }) {
				return nil, fmt.Errorf("%w: an object without its values", errMessage)
			}
		}
		objects = append(objects, o)
	}
	return objects, r.end()
}

func appendPlace(b []byte, k storage.Key) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(k.Bucket))), k.Bucket...)
	return append(binary.AppendUvarint(b, uint64(len(k.Key))), k.Key...)
}
