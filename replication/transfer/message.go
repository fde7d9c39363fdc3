package transfer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// Why a message is of no use.
var (
	errMessage  = errors.New("malformed transfer message")
	errChecksum = errors.New("transfer message does not match its checksum")
)

// The bounds of a piece.
const (
	pieceKeys  = 512
	pieceBytes = 256 << 10
	// digestBytes of objects are read for one piece of digests, which takes little itself.
	// It is what a cut budget is dealt out in, too.
	digestBytes = 512 << 10
)

// kind says what is asked.
type kind string

const (
	kindPage   kind = "page"   // the objects, or the digests, after a key
	kindFetch  kind = "fetch"  // the objects of the rows' keys, as many as fit
	kindLack   kind = "lack"   // which of the rows does the receiver not hold on disk?
	kindReport kind = "report" // how far is the receiver?
)

// ask is the head of a request.
type ask struct {
	Kind      kind           `json:"kind"`
	Partition ring.Partition `json:"partition,omitempty"`
	After     place          `json:"after,omitzero"`
	Digests   bool           `json:"digests,omitempty"`
	Glance    bool           `json:"glance,omitempty"` // of a report: for people, without proof
}

// answer is the head of an answer.
type answer struct {
	More   bool    `json:"more,omitempty"`  // of a page: others follow
	Bytes  uint64  `json:"bytes,omitempty"` // of a page: how large the partition is about
	Lacks  []int   `json:"lacks,omitempty"` // the rows' numbers
	Report *Report `json:"report,omitempty"`
}

// place is a key as JSON keeps it.
type place struct {
	Bucket string `json:"bucket,omitempty"`
	Key    []byte `json:"key,omitempty"`
}

func placeOf(k storage.Key) place { return place{Bucket: k.Bucket, Key: []byte(k.Key)} }

func (p place) stored() storage.Key { return storage.Key{Bucket: p.Bucket, Key: string(p.Key)} }

// row is one key of a message.
type row struct {
	key    storage.Key
	digest causal.Digest
	object *causal.Object // nil: not sent
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encode(head any, rows []row) ([]byte, error) {
	encoded, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encode transfer message: %w", err)
	}
	b := make([]byte, 4, 4+len(encoded)+64*len(rows)+binary.MaxVarintLen64)
	b = appendBytes(b, encoded)
	for _, r := range rows {
		b = appendBytes(b, []byte(r.key.Bucket))
		b = appendBytes(b, []byte(r.key.Key))
		b = append(b, r.digest[:]...)
		b = appendBytes(b, r.object.Append(nil))
	}
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b, nil
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// decode is the inverse of encode. Objects are parts of b.
func decode(b []byte, head any) ([]row, error) {
	if len(b) < 4 || crc32.Checksum(b[4:], castagnoli) != binary.BigEndian.Uint32(b) {
		return nil, errChecksum
	}
	r := reader{rest: b[4:]}
	encoded := r.bytes()
	if r.failed {
		return nil, errMessage
	}
	if err := json.Unmarshal(encoded, head); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	var rows []row
	for len(r.rest) > 0 {
		one := row{key: storage.Key{Bucket: string(r.bytes()), Key: string(r.bytes())}}
		copy(one.digest[:], r.take(len(one.digest)))
		raw := r.bytes()
		if r.failed || len(rows) == pieceKeys {
			return nil, errMessage
		}
		if len(raw) > 0 {
			var err error
			if one.object, err = causal.Decode(raw); err != nil {
				return nil, fmt.Errorf("%w: %w", errMessage, err)
			}
			for i := range one.object.Siblings {
				if one.object.Siblings[i].Stripped {
					return nil, fmt.Errorf("%w: an object without its values", errMessage)
				}
			}
		}
		rows = append(rows, one)
	}
	return rows, nil
}

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

func (r *reader) bytes() []byte {
	n, used := binary.Uvarint(r.rest)
	if r.failed || used <= 0 || n > uint64(len(r.rest)-used) {
		r.failed = true
		return nil
	}
	r.rest = r.rest[used:]
	return r.take(int(n)) //nolint:gosec // it is at most the message's length
}
