package heal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// errMessage is a message that no node of this version sends.
var errMessage = errors.New("malformed heal message")

// The bounds of a piece.
const (
	pieceRows  = 512
	pieceBytes = 256 << 10
)

// verdict is whether a node can tell what it holds.
type verdict byte

const (
	verdictRead    verdict = 0
	verdictDamaged verdict = 1 // its own copy is damaged there
)

// ask is for what another node holds of a partition between two positions.
type ask struct {
	partition   ring.Partition
	first, last ring.Position
	after       storage.Key // zero is all
}

func (a *ask) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(a.partition))
	b = binary.BigEndian.AppendUint64(b, uint64(a.first))
	b = binary.BigEndian.AppendUint64(b, uint64(a.last))
	return appendPlace(b, a.after)
}

func decodeAsk(b []byte) (*ask, error) {
	r := reader{rest: b}
	a := &ask{partition: ring.Partition(r.uvarint(1 << 31))} //nolint:gosec // bounded
	a.first, a.last, a.after = ring.Position(r.uint64()), ring.Position(r.uint64()), r.place()
	r.failed = r.failed || a.first > a.last
	return a, r.end()
}

// answer is one piece.
type answer struct {
	verdict verdict
	more    bool
	rows    []storage.Record
}

func (a *answer) encode() []byte {
	b := []byte{byte(a.verdict), 0}
	if a.more {
		b[1] = 1
	}
	for _, r := range a.rows {
		raw := r.Object.Append(nil)
		b = append(binary.AppendUvarint(appendPlace(b, r.Key), uint64(len(raw))), raw...)
	}
	return b
}

func decodeAnswer(b []byte) (*answer, error) {
	r := reader{rest: b}
	a := &answer{verdict: verdict(r.byte())}
	more := r.byte()
	a.more = more == 1
	r.failed = r.failed || more > 1 || a.verdict > verdictDamaged
	for len(r.rest) > 0 && !r.failed {
		row := storage.Record{Key: r.place()}
		raw := r.take(r.length(uint64(len(r.rest))))
		if r.failed = r.failed || len(a.rows) == pieceRows || row.Key.Bucket == "" || row.Key.Key == ""; r.failed {
			break
		}
		var err error
		if row.Object, err = causal.Decode(raw); err != nil {
			return nil, fmt.Errorf("%w: %w", errMessage, err)
		}
		if slices.ContainsFunc(row.Object.Siblings, func(s causal.Sibling) bool { return s.Stripped }) {
			return nil, fmt.Errorf("%w: an object without its values", errMessage)
		}
		row.Position = row.Key.Position()
		a.rows = append(a.rows, row)
	}
	return a, r.end()
}

func appendPlace(b []byte, k storage.Key) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(k.Bucket))), k.Bucket...)
	return append(binary.AppendUvarint(b, uint64(len(k.Key))), k.Key...)
}

// The bounds of a key: those of storage.Key.
const (
	maxBucket = 255
	maxKey    = 1024
)

// reader takes fields off a message.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if r.failed || n > len(r.rest) {
		r.failed = true
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if r.failed || n <= 0 || v > most || n > 1 && r.rest[n-1] == 0 {
		r.failed = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) length(most uint64) int { return int(r.uvarint(most)) } //nolint:gosec // of a part of a message

func (r *reader) place() storage.Key {
	bucket := string(r.take(r.length(maxBucket)))
	return storage.Key{Bucket: bucket, Key: string(r.take(r.length(maxKey)))}
}

// end is whether the message was what it should be, to its last byte.
func (r *reader) end() error {
	if r.failed || len(r.rest) > 0 {
		return errMessage
	}
	return nil
}
