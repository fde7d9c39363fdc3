package causal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrObject says that bytes are no object.
var ErrObject = errors.New("not an object")

const (
	version       = 1
	versionEpoch  = 2 // as 1, and an epoch after the version: on its way between nodes
	flagTombstone = 1 << 0
	flagStripped  = 1 << 1
	// The least bytes that an entry of each list takes: what a count may claim is
	// bounded by the bytes that are there.
	leastEntry   = 9
	leastOp      = 33
	leastSibling = 1 + 9 + 16 + 8 + 4
	leastPair    = 2
)

// Append appends the object's encoding to dst; nil has none.
func (o *Object) Append(dst []byte) []byte {
	if o == nil {
		return dst
	}
	if o.Epoch == (Epoch{}) {
		dst = append(dst, version)
	} else {
		dst = o.Epoch.Append(append(dst, versionEpoch))
	}
	dst = append(dst, byte(o.Policy))
	dst = binary.AppendUvarint(dst, o.Generation)
	dst = o.Context.append(dst)
	dst = appendOps(dst, o.Ops)
	dst = binary.AppendUvarint(dst, uint64(len(o.Siblings)))
	for i := range o.Siblings {
		dst = o.Siblings[i].append(dst)
	}
	return dst
}

func (c Context) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.stamp))
	dst = binary.AppendUvarint(dst, uint64(len(c.dots)))
	for _, d := range c.dots {
		dst = appendDot(dst, d)
	}
	return dst
}

func appendOps(dst []byte, ops []Operation) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ops)))
	for _, op := range ops {
		dst = appendDot(binary.BigEndian.AppendUint64(dst, uint64(op.Stamp)), op.Dot)
		dst = append(dst, op.Op[:]...)
	}
	return dst
}

func (s *Sibling) append(dst []byte) []byte {
	dst = appendDot(append(dst, s.flags()), s.Dot)
	dst = append(dst, s.Op[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.Stamp))
	dst = binary.AppendUvarint(dst, uint64(s.Expiry)) //nolint:gosec // the inverse casts back
	dst = appendText(dst, s.ContentType)
	dst = binary.AppendUvarint(dst, uint64(len(s.Meta)))
	for _, pair := range s.Meta {
		dst = appendText(appendText(dst, pair.Name), pair.Value)
	}
	dst = binary.AppendUvarint(dst, uint64(s.Size)) //nolint:gosec // not negative
	if s.Stripped {
		return dst
	}
	return append(dst, s.Value...)
}

func (s *Sibling) flags() byte {
	var flags byte
	if s.Tombstone {
		flags |= flagTombstone
	}
	if s.Stripped {
		flags |= flagStripped
	}
	return flags
}

func appendDot(dst []byte, d Dot) []byte {
	return binary.AppendUvarint(binary.BigEndian.AppendUint64(dst, uint64(d.Actor)), d.Counter)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Decode is the inverse of Append. The values it returns are parts of b: they live,
// and must stay unchanged, as long as the object does. It fails with ErrObject
// unless b is exactly what Append makes of an object that Put and Join can make.
func Decode(b []byte) (*Object, error) {
	d := decoder{rest: b}
	var epoch Epoch
	switch v := d.byte(); {
	case d.err != nil || v == version:
	case v == versionEpoch:
		if epoch = d.epoch(); epoch == (Epoch{}) {
			d.fail()
		}
	default:
		return nil, fmt.Errorf("%w: version %d is unknown", ErrObject, v)
	}
	o := &Object{Policy: Policy(d.byte()), Generation: d.uvarint(), Epoch: epoch}
	o.Context = d.context()
	o.Ops = d.ops()
	if n := d.count(leastSibling, math.MaxInt); n > 0 {
		o.Siblings = make([]Sibling, n)
		for i := range o.Siblings {
			d.sibling(&o.Siblings[i])
		}
	}
	if d.err == nil && len(d.rest) > 0 {
		d.err = fmt.Errorf("%w: %d bytes too many", ErrObject, len(d.rest))
	}
	if d.err != nil {
		return nil, d.err
	}
	if err := o.Invariant(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrObject, err)
	}
	return o, nil
}

// decoder takes fields off bytes and remembers the first fault.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = fmt.Errorf("%w: cut short or out of range", ErrObject)
	}
	d.rest = nil
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.fail()
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// uvarint reads a number in its shortest form; any other is not ours.
func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || (n > 1 && d.rest[n-1] == 0) {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) uint64() uint64 {
	if b := d.bytes(8); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) epoch() Epoch {
	return Epoch{Number: d.uint64(), Round: d.uint64()}
}

// count reads how many entries follow: at most most, of which each takes at least
// least bytes.
func (d *decoder) count(least, most int) int {
	n := d.uvarint()
	if n > uint64(min(most, len(d.rest)/least)) { //nolint:gosec // not negative
		d.fail()
		return 0
	}
	return int(n) //nolint:gosec // bounded by the bytes that are there
}

func (d *decoder) size() int {
	n := d.uvarint()
	if n > math.MaxInt32 {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) text() string { return string(d.bytes(d.size())) }

func (d *decoder) dot() Dot { return Dot{Actor: Actor(d.uint64()), Counter: d.uvarint()} }

func (d *decoder) context() Context {
	c := Context{stamp: Stamp(d.uint64())}
	n := d.count(leastEntry, math.MaxInt)
	if n == 0 {
		return c
	}
	c.dots = make([]Dot, n)
	for i := range c.dots {
		c.dots[i] = d.dot()
		if c.dots[i].Counter == 0 || (i > 0 && c.dots[i-1].Actor >= c.dots[i].Actor) {
			d.fail()
		}
	}
	return c
}

func (d *decoder) operation(o *Operation) {
	o.Stamp, o.Dot = Stamp(d.uint64()), d.dot()
	copy(o.Op[:], d.bytes(len(o.Op)))
}

func (d *decoder) ops() []Operation {
	n := d.count(leastOp, maxOps)
	if n == 0 {
		return nil
	}
	ops := make([]Operation, n)
	for i := range ops {
		d.operation(&ops[i])
	}
	return ops
}

func (d *decoder) sibling(s *Sibling) {
	flags := d.byte()
	if flags&^(flagTombstone|flagStripped) != 0 {
		d.fail()
	}
	s.Tombstone, s.Stripped = flags&flagTombstone != 0, flags&flagStripped != 0
	s.Dot = d.dot()
	copy(s.Op[:], d.bytes(len(s.Op)))
	s.Stamp, s.Expiry, s.ContentType = Stamp(d.uint64()), int64(d.uvarint()), d.text() //nolint:gosec // the inverse of Append
	if n := d.count(leastPair, math.MaxInt); n > 0 {
		s.Meta = make([]Pair, n)
		for i := range s.Meta {
			s.Meta[i] = Pair{d.text(), d.text()}
		}
	}
	s.Size = d.size()
	if !s.Stripped {
		s.Value = d.bytes(s.Size)
	}
}
