package storage

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/hengedb/henge/ring"
)

// Bounds of what a key can be. They are the store's own: a bucket's length is
// one byte in the encoding, and a key is part of every index entry above it.
const (
	maxBucket = 255
	maxKey    = 1024
)

// Key names an object: its bucket, 1 to 255 bytes, and its key in that bucket,
// 1 to 1024 bytes of any kind.
type Key struct {
	Bucket string
	Key    string
}

// Position is the key's place on the ring.
func (k Key) Position() ring.Position { return ring.PositionOf(k.Bucket, k.Key) }

// Compare orders keys as the store does: by position, then by bucket and key. It is
// negative, 0 or positive.
func (k Key) Compare(other Key) int {
	return cmp.Or(
		cmp.Compare(k.Position(), other.Position()), cmp.Compare(len(k.Bucket), len(other.Bucket)),
		strings.Compare(k.Bucket, other.Bucket), strings.Compare(k.Key, other.Key),
	)
}

// check refuses keys that have no encoding.
func (k Key) check() error {
	if n := len(k.Bucket); n < 1 || n > maxBucket {
		return fmt.Errorf("%w: the bucket's name has %d bytes; want 1 to %d", ErrBadKey, n, maxBucket)
	}
	if n := len(k.Key); n < 1 || n > maxKey {
		return fmt.Errorf("%w: it has %d bytes; want 1 to %d", ErrBadKey, n, maxKey)
	}
	return nil
}

// section is the first byte of every key that Pebble sees.
type section byte

// The sections of the store, in their order on disk.
const (
	sectionAside  section = 'a'
	sectionHint   section = 'h'
	sectionMeta   section = 'm'
	sectionObject section = 'o'
)

// keyHeader is the section, the position and the bucket's length.
const keyHeader = 1 + 8 + 1

// appendKey appends k's key in section s, which is where objects and hints are:
// in ring order.
func appendKey(dst []byte, s section, pos ring.Position, k Key) []byte {
	dst = appendPosition(dst, s, pos)
	dst = append(dst, byte(len(k.Bucket)))
	dst = append(dst, k.Bucket...)
	return append(dst, k.Key...)
}

// appendPosition appends the first key that position pos can have in section s.
func appendPosition(dst []byte, s section, pos ring.Position) []byte {
	dst = append(dst, byte(s))
	return binary.BigEndian.AppendUint64(dst, uint64(pos))
}

// keyAfter is the first key above position pos in section s.
func keyAfter(s section, pos ring.Position) []byte {
	if pos == ^ring.Position(0) {
		return []byte{byte(s) + 1}
	}
	return appendPosition(nil, s, pos+1)
}

// parseKey is the inverse of appendKey. The result shares nothing with raw.
func parseKey(raw []byte, s section) (ring.Position, Key, error) {
	if len(raw) <= keyHeader || raw[0] != byte(s) || len(raw) < keyHeader+int(raw[keyHeader-1]) {
		return 0, Key{}, fmt.Errorf("%w: key %x is none of section %q", ErrCorrupt, raw, byte(s))
	}
	pos := ring.Position(binary.BigEndian.Uint64(raw[1:]))
	text := string(raw[keyHeader:])
	n := int(raw[keyHeader-1])
	k := Key{Bucket: text[:n], Key: text[n:]}
	if k.check() != nil || k.Position() != pos {
		return 0, Key{}, fmt.Errorf("%w: key %x does not lie at its position", ErrCorrupt, raw)
	}
	return pos, k, nil
}
