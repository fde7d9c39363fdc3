package causal

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// Digest is a keyed hash of what an object knows. Two replicas whose digests agree
// hold the same; nobody without the key can make two objects agree.
type Digest [16]byte

// hashers keeps SHA-256 states, which are too large to make for every request.
var hashers = sync.Pool{New: func() any { return &hasher{sum: sha256.New()} }}

type hasher struct {
	sum     hash.Hash
	scratch []byte
}

// Digest hashes the object's knowledge under secret, bucket and key included. It
// has to outlive the encoding: where a format to come writes a field in another way,
// what is written here stays as it was. Nil has the zero digest.
func (o *Object) Digest(secret []byte, bucket, key string) Digest {
	if o == nil {
		return Digest{}
	}
	h := hashers.Get().(*hasher) //nolint:errcheck,forcetypeassert // the pool holds nothing else
	defer hashers.Put(h)
	h.sum.Reset()
	b := h.scratch[:0]
	b = appendText(append(appendText(appendText(b, string(secret)), bucket), 0), key)
	b = append(b, byte(o.Policy))
	b = binary.BigEndian.AppendUint64(b, o.Generation)
	b = o.Context.append(b)
	b = binary.AppendUvarint(b, uint64(len(o.Ops)))
	for _, op := range o.Ops {
		b = append(appendDot(binary.BigEndian.AppendUint64(b, uint64(op.Stamp)), op.Dot), op.Op[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(o.Siblings)))
	for i := range o.Siblings {
		head := o.Siblings[i]
		head.Stripped = true
		b = head.append(b)
		h.sum.Write(b)
		h.sum.Write(o.Siblings[i].Value)
		b = b[:0]
	}
	h.sum.Write(b)
	h.scratch = b[:0]
	var sum [sha256.Size]byte
	return Digest(h.sum.Sum(sum[:0])[:16])
}
