package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/replication/request"
)

// firstChunk is what a body of unknown length is first given; it doubles from there.
const firstChunk = 4 << 10

// readBody reads a put's value. One of known length is refused before a byte of it
// is read, and read into a buffer of exactly its size, which the store keeps. The
// bytes are counted as being received until release is called.
func (c *call) readBody() (value []byte, release func(), err error) {
	limit := c.s.maxValue()
	length := c.r.ContentLength
	if length > limit {
		return nil, nothing, tooLarge(limit)
	}
	if length == 0 {
		return []byte{}, nothing, nil
	}
	if length > 0 {
		return c.readKnown(length)
	}
	return c.readChunked(limit)
}

func nothing() {}

func tooLarge(limit int64) error {
	return problem.Field("body", fmt.Errorf("%w: the limit is %d bytes", request.ErrTooLarge, limit))
}

// reserve counts bytes about to be received, unless they are too many.
func (s *Server) reserve(n int64) error {
	if s.bodies.Add(n) > s.maxBodies {
		s.bodies.Add(-n)
		return fmt.Errorf("%w: %d bytes of values are being received", request.ErrOverload, s.maxBodies)
	}
	s.metrics.flying.Add(float64(n))
	return nil
}

func (s *Server) unreserve(n int64) {
	s.bodies.Add(-n)
	s.metrics.flying.Sub(float64(n))
}

func (c *call) readKnown(length int64) ([]byte, func(), error) {
	if err := c.s.reserve(length); err != nil {
		return nil, nothing, err
	}
	value := make([]byte, length)
	if n, err := io.ReadFull(c.r.Body, value); err != nil {
		c.s.unreserve(length)
		return nil, nothing, cut(int64(n), err)
	}
	return value, func() { c.s.unreserve(length) }, nil
}

// readChunked reads a body of unknown length, counting each piece before it is
// asked for.
func (c *call) readChunked(limit int64) ([]byte, func(), error) {
	body := http.MaxBytesReader(c.w, c.r.Body, limit)
	var reserved int64
	release := func() { c.s.unreserve(reserved) }
	value := []byte{}
	for {
		if len(value) == cap(value) {
			grow := max(int64(cap(value)), firstChunk)
			if err := c.s.reserve(grow); err != nil {
				release()
				return nil, nothing, err
			}
			reserved += grow
			value = append(make([]byte, 0, int64(len(value))+grow), value...)
		}
		n, err := body.Read(value[len(value):cap(value)])
		value = value[:len(value)+n]
		if errors.Is(err, io.EOF) {
			return value, release, nil
		}
		if err != nil {
			release()
			return nil, nothing, cut(int64(len(value)), err)
		}
	}
}

// cut names why a body ended early.
func cut(read int64, err error) error {
	if over := (*http.MaxBytesError)(nil); errors.As(err, &over) {
		return tooLarge(over.Limit)
	}
	return problem.Field("body", fmt.Errorf("%w: it was cut short after %d bytes: %w", request.ErrBadValue, read, err))
}
