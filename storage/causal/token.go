package causal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// ErrToken says that a token is damaged, or is another key's.
var ErrToken = errors.New("not a context of this key")

// sealBytes is the length of a token's seal: 128 bits, so that guessing one is
// hopeless.
const sealBytes = 16

// maxToken bounds a token's text: a context of a thousand actors is far below.
const maxToken = 64 << 10

// Seen is what a read hands to the write that replaces what it showed: the context,
// and the operations behind the siblings. With these the next coordinator knows an
// operation again that was minted twice, although the dot that was read is gone.
type Seen struct {
	Context Context
	Ops     []Operation // at most maxOps, the highest, highest first
}

// Seen is what a read of o saw.
func (o *Object) Seen() Seen {
	if o == nil {
		return Seen{}
	}
	var ops []Operation
	for _, s := range o.Siblings {
		if s.Op != (OpID{}) {
			ops = append(ops, Operation{s.Stamp, s.Dot, s.Op})
		}
	}
	return Seen{o.Context, joinOps(ops, nil)}
}

// Token seals what was seen for one key of one generation of a bucket, as base64url:
//
//	┌─────┬────────────────────────┬────────────────────┬───────────────────────────┐
//	│ v=1 │ context, as in objects │ ops, as in objects │ first 16 bytes of an HMAC │
//	└─────┴────────────────────────┴────────────────────┴───────────────────────────┘
func (s Seen) Token(secret []byte, bucket string, generation uint64, key string) string {
	b := appendOps(s.Context.append([]byte{version}), s.Ops)
	b = append(b, seal(b, secret, bucket, generation, key)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseToken opens a token. It fails with ErrToken unless Token made it for the
// same bucket, generation and key under the same secret.
func ParseToken(token string, secret []byte, bucket string, generation uint64, key string) (Seen, error) {
	if len(token) > maxToken {
		return Seen{}, fmt.Errorf("%w: it has %d characters", ErrToken, len(token))
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || strings.ContainsAny(token, "\r\n") || len(b) < 1+sealBytes || b[0] != version {
		return Seen{}, fmt.Errorf("%w: it is damaged", ErrToken)
	}
	body := b[:len(b)-sealBytes]
	if !hmac.Equal(b[len(body):], seal(body, secret, bucket, generation, key)) {
		return Seen{}, fmt.Errorf("%w: it is another key's, another bucket's, or damaged", ErrToken)
	}
	d := decoder{rest: body[1:]}
	seen := Seen{d.context(), d.ops()}
	if d.err != nil || len(d.rest) > 0 {
		return Seen{}, fmt.Errorf("%w: it is damaged", ErrToken)
	}
	return seen, nil
}

func seal(body, secret []byte, bucket string, generation uint64, key string) []byte {
	mac := hmac.New(sha256.New, secret)
	b := binary.AppendUvarint(nil, uint64(len(body)))
	b = appendText(append(b, body...), bucket)
	b = binary.BigEndian.AppendUint64(b, generation)
	mac.Write(appendText(b, key))
	return mac.Sum(nil)[:sealBytes]
}
