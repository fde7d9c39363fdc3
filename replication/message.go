package replication

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// The methods between nodes. Numbers never change their meaning.
const (
	methodPing     rpc.Method = 1 // empty; the answer is the time here, in Unix milliseconds, 8 bytes
	MethodAgree    rpc.Method = 2 // package agree's messages
	methodJoin     rpc.Method = 3
	methodRead     rpc.Method = 4
	methodForward  rpc.Method = 5
	methodScan     rpc.Method = 6
	methodInspect  rpc.Method = 7
	methodTransfer rpc.Method = 8  // package transfer's messages
	methodExchange rpc.Method = 9  // package exchange's messages
	methodReap     rpc.Method = 10 // package reap's messages
	methodEpochs   rpc.Method = 11 // where do you stand in a partition?
	methodHeal     rpc.Method = 12 // package heal's messages
)

// The hot messages are packed by hand; n| is a uvarint length before its bytes.
//
//	join request   ┌───────┬─────┬─────────┬───────┬─────────────┬────────────┐
//	               │ flags │  W  │ n|bucket│ n|key │ n|targets 8B│ object ... │
//	               └───────┴─────┴─────────┴───────┴─────────────┴────────────┘
//	join answer    ┌───────┐
//	               │ flags │   bit 0: synced
//	               └───────┘
//	read request   ┌───────┬─────────┬───────┬────────────┐
//	               │ flags │ n|bucket│ n|key │ digest 16B │
//	               └───────┴─────────┴───────┴────────────┘
//	read answer    ┌───────┬────────────┐
//	               │ flags │ object ... │   bit 0: same as the digest, no object
//	               └───────┴────────────┘   bit 1: from a hint
//
// W, a uvarint, is how many answers the write was counted for. The targets of a
// join are the primaries that a fallback stands for; none means "join it as a
// replica". What may evolve travels as JSON before raw bytes:
//
//	forward, scan, inspect  ┌────────┬───────────┐
//	                        │ n|JSON │ bytes ... │
//	                        └────────┴───────────┘
type joinRequest struct {
	unsynced bool // the client does not wait for the disk
	repair   bool // background: read repair or a delivered hint
	w        int
	key      keyName
	targets  []ring.NodeID
	object   *causal.Object
}

// keyName is a key in its bucket.
type keyName struct{ bucket, key string }

// readRequest asks for what a node holds of a key.
type readRequest struct {
	noValue bool
	key     keyName
	digest  causal.Digest // of what the asker holds
}

// readAnswer is what it holds.
type readAnswer struct {
	same     bool // as the asker's digest
	fromHint bool
	object   *causal.Object // nil: nothing; unset when same
}

const (
	joinUnsynced = 1 << 0
	joinRepair   = 1 << 1
	readNoValue  = 1 << 0
	answerSynced = 1 << 0
	answerSame   = 1 << 0
	answerHint   = 1 << 1
)

// maxTargets bounds a decoded target list: no ring keeps more replicas.
const maxTargets = 64

// errMessage is a message that no node of this version sends.
var errMessage = errors.New("malformed message")

func (m *joinRequest) encode() []byte {
	b := make([]byte, 0, 64+len(m.key.bucket)+len(m.key.key)+8*len(m.targets)+objectSize(m.object))
	b = append(b, flag(m.unsynced, joinUnsynced)|flag(m.repair, joinRepair))
	b = binary.AppendUvarint(b, uint64(m.w))
	b = m.key.append(b)
	b = binary.AppendUvarint(b, uint64(len(m.targets)))
	for _, target := range m.targets {
		b = binary.BigEndian.AppendUint64(b, uint64(target))
	}
	return m.object.Append(b)
}

func decodeJoin(b []byte) (*joinRequest, error) {
	r := reader{rest: b}
	flags := r.byte()
	m := &joinRequest{unsynced: flags&joinUnsynced != 0, repair: flags&joinRepair != 0, w: int(r.uvarint(maxTargets))}
	m.key = r.key()
	for range r.uvarint(maxTargets) {
		m.targets = append(m.targets, ring.NodeID(r.uint64()))
	}
	if r.err != nil {
		return nil, r.err
	}
	object, err := causal.Decode(r.rest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	m.object = object
	return m, whole(object)
}

// whole refuses an object without its values' bytes: stored, it would replace them.
func whole(o *causal.Object) error {
	if o != nil && slices.ContainsFunc(o.Siblings, func(s causal.Sibling) bool { return s.Stripped }) {
		return fmt.Errorf("%w: an object without its values", errMessage)
	}
	return nil
}

func (m *readRequest) encode() []byte {
	b := make([]byte, 0, 32+len(m.key.bucket)+len(m.key.key))
	b = append(b, flag(m.noValue, readNoValue))
	b = m.key.append(b)
	return append(b, m.digest[:]...)
}

func decodeRead(b []byte) (*readRequest, error) {
	r := reader{rest: b}
	m := &readRequest{noValue: r.byte()&readNoValue != 0, key: r.key()}
	copy(m.digest[:], r.bytes(len(m.digest)))
	if r.err == nil && len(r.rest) > 0 {
		r.err = errMessage
	}
	return m, r.err
}

func (m *readAnswer) encode() []byte {
	flags := flag(m.same, answerSame) | flag(m.fromHint, answerHint)
	if m.same || m.object == nil {
		return []byte{flags}
	}
	return m.object.Append(append(make([]byte, 0, 1+objectSize(m.object)), flags))
}

func decodeAnswer(b []byte) (*readAnswer, error) {
	r := reader{rest: b}
	flags := r.byte()
	m := &readAnswer{same: flags&answerSame != 0, fromHint: flags&answerHint != 0}
	if r.err != nil || len(r.rest) == 0 {
		return m, r.err
	}
	object, err := causal.Decode(r.rest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	m.object = object
	return m, nil
}

// pack puts a JSON head before raw bytes.
func pack(head any, body []byte) ([]byte, error) {
	encoded, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	b := make([]byte, 0, binary.MaxVarintLen64+len(encoded)+len(body))
	b = binary.AppendUvarint(b, uint64(len(encoded)))
	b = append(b, encoded...)
	return append(b, body...), nil
}

// unpack is the inverse of pack; the bytes it returns are part of b.
func unpack(b []byte, head any) ([]byte, error) {
	r := reader{rest: b}
	encoded := r.bytes(int(r.uvarint(uint64(len(b)))))
	if r.err != nil {
		return nil, r.err
	}
	if err := json.Unmarshal(encoded, head); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	return r.rest, nil
}

func (k keyName) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(k.bucket)))
	b = append(b, k.bucket...)
	b = binary.AppendUvarint(b, uint64(len(k.key)))
	return append(b, k.key...)
}

// reader takes fields off a message and remembers the first fault.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) byte() byte {
	b := r.bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (r *reader) bytes(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.rest) {
		r.fail()
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if r.err != nil || n <= 0 || v > limit {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) uint64() uint64 {
	b := r.bytes(8)
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func (r *reader) key() keyName {
	k := keyName{bucket: string(r.bytes(int(r.uvarint(request.MaxBucket))))}
	k.key = string(r.bytes(int(r.uvarint(request.MaxKey))))
	return k
}

func (r *reader) fail() {
	if r.err == nil {
		r.err = errMessage
	}
}

func flag(on bool, bit byte) byte {
	if on {
		return bit
	}
	return 0
}

// objectSize guesses an object's encoding, so that one allocation holds it.
func objectSize(o *causal.Object) int {
	if o == nil {
		return 0
	}
	size := 64 + 32*len(o.Ops)
	for i := range o.Siblings {
		size += 96 + len(o.Siblings[i].Value) + len(o.Siblings[i].ContentType)
	}
	return size
}
