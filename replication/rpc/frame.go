package rpc

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

type kind byte

const (
	kindCall   kind = 1
	kindAnswer kind = 2
	kindError  kind = 3
	kindPiece  kind = 4
)

// maxFrame bounds a frame's length. A larger body goes in pieces of pieceBytes: at
// 1 Gbit/s one holds the line for half a millisecond.
const (
	pieceBytes = 64 << 10
	maxFrame   = pieceBytes + 1024
	maxTrace   = 256
)

// frame is one frame, decoded.
type frame struct {
	kind     kind
	id       uint64
	method   Method
	timeout  time.Duration // of a call; 0 is none
	document uint64
	trace    string
	code     uint16
	body     []byte
	held     int64 // bytes of the body that still count as the endpoint's memory
}

// appendFrame appends f's encoding, whose body must fit into one frame.
func appendFrame(dst []byte, f *frame) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, byte(f.kind))
	dst = binary.AppendUvarint(dst, f.id)
	switch f.kind {
	case kindCall:
		dst = append(dst, byte(f.method))
		dst = binary.AppendUvarint(dst, uint64((max(0, f.timeout)+time.Microsecond-1)/time.Microsecond)) //nolint:gosec // not negative
		dst = binary.AppendUvarint(dst, f.document)
		dst = binary.AppendUvarint(dst, uint64(len(f.trace)))
		dst = append(dst, f.trace...)
	case kindError:
		dst = binary.AppendUvarint(dst, uint64(f.code))
	case kindAnswer, kindPiece:
	}
	dst = append(dst, f.body...)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4)) //nolint:gosec // bounded by maxFrame
	return dst
}

// readFrame reads the bytes of one frame, without its length, into memory of their
// own.
func readFrame(r *bufio.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n < 2 || n > maxFrame {
		return nil, fmt.Errorf("%w: length %d", errFrame, n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// decodeFrame is the inverse of appendFrame; the body is part of b.
func decodeFrame(b []byte) (frame, error) {
	d := fields{rest: b}
	f := frame{kind: kind(d.byte()), id: d.uvarint()}
	switch f.kind {
	case kindCall:
		f.method = Method(d.byte())
		f.timeout = time.Duration(min(d.uvarint(), uint64(time.Hour/time.Microsecond))) * time.Microsecond //nolint:gosec // bounded
		f.document = d.uvarint()
		f.trace = string(d.bytes(d.uvarint(), maxTrace))
	case kindError:
		code := d.uvarint()
		if code > 0xffff {
			d.bad = true
		}
		f.code = uint16(code) //nolint:gosec // checked
	case kindAnswer, kindPiece:
	default:
		d.bad = true
	}
	if d.bad {
		return frame{}, fmt.Errorf("%w: kind %d", errFrame, f.kind)
	}
	f.body = d.rest
	if f.kind == kindPiece && len(f.body) != pieceBytes {
		return frame{}, fmt.Errorf("%w: a piece of %d bytes", errFrame, len(f.body)) // else many tiny ones would cost more than they say
	}
	return f, nil
}

// fields takes numbers off a frame and remembers whether one was missing.
type fields struct {
	rest []byte
	bad  bool
}

func (d *fields) byte() byte {
	b := d.bytes(1, 1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (d *fields) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *fields) bytes(n, limit uint64) []byte {
	if n > limit || n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}
