package storage

import (
	"bytes"
	"encoding/binary"

	"github.com/hengedb/henge/ring"
)

// Span is a range of the store's keys that cannot be read as a whole: objects, and it may
// be hints and records beside them.
type Span struct {
	lower, upper []byte // upper is not in it
	table        string // of which nothing in the span can be read but the first key
}

// has reports whether a key of the store lies in the span.
func (sp Span) has(key []byte) bool {
	return bytes.Compare(key, sp.lower) >= 0 && bytes.Compare(key, sp.upper) < 0
}

// touches reports whether keys of a section can lie in the span.
func (sp Span) touches(in section) bool {
	return bytes.Compare(sp.lower, []byte{byte(in) + 1}) < 0 && bytes.Compare(sp.upper, []byte{byte(in)}) > 0
}

// Objects are the positions that objects in the span can have; there are none when ok is
// false.
func (sp Span) Objects() (first, last ring.Position, ok bool) { return sp.positions(sectionObject) }

// positions are those that keys of a section can have in the span.
func (sp Span) positions(in section) (first, last ring.Position, ok bool) {
	if !sp.touches(in) {
		return 0, 0, false
	}
	last = ^ring.Position(0)
	if sp.lower[0] == byte(in) {
		first = ring.Position(place(sp.lower))
	}
	if sp.upper[0] == byte(in) {
		last = ring.Position(place(sp.upper))
	}
	return first, last, true
}

// place is what follows a key's first byte, as a number: the position of an object or
// hint.
func place(key []byte) uint64 {
	var eight [8]byte
	copy(eight[:], key[1:])
	return binary.BigEndian.Uint64(eight[:])
}

// segments are those whose locks guard the span.
func (sp Span) segments(partitions int) *[ring.SegmentsPerPartition]bool {
	var in [ring.SegmentsPerPartition]bool
	for _, part := range []section{sectionHint, sectionObject} {
		first, last, ok := sp.positions(part)
		if !ok {
			continue
		}
		// A partition's segments follow each other, and its last is followed by the first.
		at, end := first.Segment(partitions), last.Segment(partitions)
		span := uint64(last.Partition(partitions)-first.Partition(partitions))*ring.SegmentsPerPartition + uint64(end) - uint64(at)
		for range min(span+1, ring.SegmentsPerPartition) {
			in[at] = true
			at = (at + 1) % ring.SegmentsPerPartition
		}
	}
	return &in
}
