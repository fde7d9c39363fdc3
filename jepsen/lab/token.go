package lab

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/hengedb/henge/replication/request"
)

// The parts of a context token that are no dots: its version and the highest stamp
// before them, and operations and a seal behind, which nobody can check without the cluster's secret.
const (
	tokenVersion = 1
	headBytes    = 1 + 8
	sealBytes    = 16
	actorBytes   = 8
)

// Covers reads which dots a context token covers, as "actor-counter" in the form of
// a sibling's ID, each standing for all of its actor up to it. To clients a token is
// opaque: this is for checkers that judge what the cluster claims. A token of a form
// it does not know gives an error.
func Covers(token request.Context) ([]string, error) {
	if token == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(string(token))
	if err != nil {
		return nil, fmt.Errorf("context token: %w", err)
	}
	if len(raw) < headBytes+1+sealBytes || raw[0] != tokenVersion {
		return nil, fmt.Errorf("context token %x is of an unknown form", raw)
	}
	body := raw[headBytes : len(raw)-sealBytes]
	count, n := binary.Uvarint(body)
	if n <= 0 {
		return nil, fmt.Errorf("context token %x", raw)
	}
	body = body[n:]
	var dots []string
	for range count {
		if len(body) < actorBytes {
			return nil, fmt.Errorf("context token %x is cut short", raw)
		}
		actor := binary.BigEndian.Uint64(body)
		counter, n := binary.Uvarint(body[actorBytes:])
		if n <= 0 {
			return nil, fmt.Errorf("context token %x is cut short", raw)
		}
		dots = append(dots, fmt.Sprintf("%016x-%x", actor, counter))
		body = body[actorBytes+n:]
	}
	return dots, nil // the operations that follow are no claim about other writes
}
