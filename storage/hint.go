package storage

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// Hint is what a node keeps for replicas that could not be reached: one for each
// key and holder. It is immutable once it was set.
type Hint struct {
	Targets []ring.NodeID // the replicas that it stands for, at most 255
	Noted   []ring.NodeID // those known to hold its content, at most 255
	W       int           // the largest W that it was counted for
	Since   causal.Stamp  // when the first write went into it
	Mark    uint64        // another one with each change of content
	Object  *causal.Object
	// A nil Object: the hint stands for the object that the holder itself keeps
	// under the key.
}

// hintVersion is the first byte of an encoded hint.
const hintVersion = 1

// maxHintNodes bounds each list of a hint: its length is one byte.
const maxHintNodes = 255

// errHint says that bytes are no hint.
var errHint = errors.New("not a hint")

// encode is h as drawn in doc.go.
func (h *Hint) encode() []byte {
	dst := []byte{hintVersion}
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.Since))
	dst = binary.BigEndian.AppendUint64(dst, h.Mark)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.W)) //nolint:gosec // W is a count of replicas
	for _, nodes := range [][]ring.NodeID{h.Targets, h.Noted} {
		dst = append(dst, byte(len(nodes)))
		for _, id := range nodes {
			dst = binary.BigEndian.AppendUint64(dst, uint64(id))
		}
	}
	if h.Object == nil {
		return dst
	}
	return h.Object.At(causal.Epoch{}).Append(dst)
}

// kept is the object that the hint keeps; nil when there is none.
func (h *Hint) kept() *causal.Object {
	if h == nil {
		return nil
	}
	return h.Object
}

// check refuses a hint that has no encoding.
func (h *Hint) check() error {
	if n := max(len(h.Targets), len(h.Noted)); n > maxHintNodes {
		return fmt.Errorf("a hint for %d nodes: want at most %d", n, maxHintNodes)
	}
	if h.Object == nil {
		return nil
	}
	return checkObject(h.Object)
}

// decodeHint is the inverse of encode; the object's values alias raw.
func decodeHint(raw []byte) (*Hint, error) {
	h, rest, err := decodeHintHead(raw)
	if err != nil || len(rest) == 0 {
		return h, err
	}
	if h.Object, err = causal.Decode(rest); err != nil {
		return nil, fmt.Errorf("%w: %w", errHint, err)
	}
	return h, nil
}

// hintHead is the version, two stamps and W.
const hintHead = 1 + 8 + 8 + 4

// decodeHintHead decodes all but the object, whose bytes are the rest.
func decodeHintHead(raw []byte) (h *Hint, rest []byte, err error) {
	if len(raw) < hintHead {
		return nil, nil, fmt.Errorf("%w: it has %d bytes", errHint, len(raw))
	}
	if raw[0] != hintVersion {
		return nil, nil, fmt.Errorf("%w: version %d is unknown", errHint, raw[0])
	}
	h = &Hint{
		Since: causal.Stamp(binary.BigEndian.Uint64(raw[1:])),
		Mark:  binary.BigEndian.Uint64(raw[9:]),
		W:     int(binary.BigEndian.Uint32(raw[17:])),
	}
	rest = raw[hintHead:]
	for _, nodes := range []*[]ring.NodeID{&h.Targets, &h.Noted} {
		if len(rest) < 1 || len(rest) < 1+8*int(rest[0]) {
			return nil, nil, fmt.Errorf("%w: it is cut short", errHint)
		}
		n := int(rest[0])
		rest = rest[1:]
		for range n {
			*nodes = append(*nodes, ring.NodeID(binary.BigEndian.Uint64(rest)))
			rest = rest[8:]
		}
	}
	return h, rest, nil
}
