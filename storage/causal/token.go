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

// Token seals the context for one key of one generation of a bucket, as base64url:
//
//	┌─────┬────────────────────────┬───────────────────────────┐
//	│ v=1 │ context, as in objects │ first 16 bytes of an HMAC │
//	└─────┴────────────────────────┴───────────────────────────┘
func (c Context) Token(secret []byte, bucket string, generation uint64, key string) string {
	b := c.append([]byte{version})
	b = append(b, seal(b, secret, bucket, generation, key)...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseToken opens a token. It fails with ErrToken unless Token made it for the
// same bucket, generation and key under the same secret.
func ParseToken(token string, secret []byte, bucket string, generation uint64, key string) (Context, error) {
	if len(token) > maxToken {
		return Context{}, fmt.Errorf("%w: it has %d characters", ErrToken, len(token))
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || strings.ContainsAny(token, "\r\n") || len(b) < 1+sealBytes || b[0] != version {
		return Context{}, fmt.Errorf("%w: it is damaged", ErrToken)
	}
	body := b[:len(b)-sealBytes]
	if !hmac.Equal(b[len(body):], seal(body, secret, bucket, generation, key)) {
		return Context{}, fmt.Errorf("%w: it is another key's, another bucket's, or damaged", ErrToken)
	}
	d := decoder{rest: body[1:]}
	c := d.context()
	if d.err != nil || len(d.rest) > 0 {
		return Context{}, fmt.Errorf("%w: it is damaged", ErrToken)
	}
	return c, nil
}

func seal(body, secret []byte, bucket string, generation uint64, key string) []byte {
	mac := hmac.New(sha256.New, secret)
	b := binary.AppendUvarint(nil, uint64(len(body)))
	b = appendText(append(b, body...), bucket)
	b = binary.BigEndian.AppendUint64(b, generation)
	mac.Write(appendText(b, key))
	return mac.Sum(nil)[:sealBytes]
}
