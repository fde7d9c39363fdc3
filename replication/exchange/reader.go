package exchange

import (
	"encoding/binary"

	"github.com/hengedb/henge/storage"
)

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
