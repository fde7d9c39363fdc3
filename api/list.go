package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

const (
	// listBuffer is sent when it is full: a few hundred keys, and no more than a
	// network takes at once.
	listBuffer = 32 << 10
	// listPatience is how long a key waits in the buffer while others come slowly.
	listPatience = 50 * time.Millisecond
	// listStall is how long a client may take to accept a buffer.
	listStall = 30 * time.Second
)

// list streams a bucket's keys in ring order.
func (c *call) list() int {
	k, err := parseKnobs(c.r.URL.RawQuery, listKnobs, c.r.Method)
	if err == nil {
		err = c.name()
	}
	if err != nil {
		return c.fail(err)
	}
	l := &listing{c: c, out: http.NewResponseController(c.w), last: k.cursor}
	l.records = json.NewEncoder(&l.buffer)
	l.records.SetEscapeHTML(false)
	o := request.ScanOptions{
		Prefix: k.prefix, Cursor: k.cursor, Limit: k.limit, Values: k.values, Strict: k.strict, Timeout: k.timeout,
	}
	l.lift()
	for entry, err := range c.s.keys.Scan(c.r.Context(), c.route.bucket, o) {
		if err != nil {
			return l.broken(err)
		}
		if err := l.add(entry, k.values); err != nil {
			return l.broken(err)
		}
	}
	return l.end(k.limit)
}

// listing is a stream of records on its way.
type listing struct {
	c       *call
	out     *http.ResponseController
	buffer  bytes.Buffer
	records *json.Encoder // into buffer
	begun   bool
	count   int
	last    string // cursor
	flushed time.Time
}

// errGone says that the client does not take the stream any more.
var errGone = fmt.Errorf("%w: it takes no more of the listing", problem.ErrCanceled)

// add appends an entry and sends what has gathered.
func (l *listing) add(e request.Entry, values bool) error {
	if !values {
		e.Value = request.Value{}
	}
	l.count++
	l.last = e.Cursor
	if err := l.line(wire.LineOf(e)); err != nil {
		return err
	}
	if l.buffer.Len() < listBuffer && time.Since(l.flushed) < listPatience {
		return nil
	}
	return l.flush()
}

func (l *listing) line(line wire.Line) error {
	if err := l.records.Encode(line); err != nil {
		return fmt.Errorf("encode a record: %w", err)
	}
	return nil
}

// flush sends the buffer. A listing may take longer than the server's limits allow
// any one request; what is bounded instead is each piece.
func (l *listing) flush() error {
	if !l.begun {
		l.begin()
	}
	now := time.Now()
	l.flushed = now
	// A writer without deadlines (a recorder in a test, a wrapper) has no limits to renew.
	if err := l.out.SetWriteDeadline(now.Add(listStall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return errors.Join(errGone, err)
	}
	if _, err := l.c.w.Write(l.buffer.Bytes()); err != nil {
		return errors.Join(errGone, err)
	}
	l.buffer.Reset()
	if err := l.out.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return errors.Join(errGone, err)
	}
	return nil
}

// lift takes the server's limits off a listing, before its first key too: a prefix
// may match nothing for long, and the read limit would end the request's context.
func (l *listing) lift() {
	// Without deadlines there is no limit to lift.
	_ = l.out.SetReadDeadline(time.Time{})
	_ = l.out.SetWriteDeadline(time.Time{})
}

// begin sends the header.
func (l *listing) begin() {
	l.begun = true
	l.c.w.Header().Set("Content-Type", wire.NDJSON)
	l.c.noStore()
	l.c.w.WriteHeader(http.StatusOK)
}

// end says how the listing ended: complete, or at its limit.
func (l *listing) end(limit int) int {
	complete := limit == 0 || l.count < limit
	return l.close(wire.Line{Complete: &complete, Count: &l.count, Cursor: l.last})
}

// broken ends a listing that cannot go on: as a problem if nothing was sent yet,
// else as its last record.
func (l *listing) broken(err error) int {
	if !l.begun {
		_ = l.out.SetWriteDeadline(time.Now().Add(listStall))
		return l.c.fail(knobField("cursor", err))
	}
	complete, p := false, l.c.problem(err)
	return l.close(wire.Line{Complete: &complete, Count: &l.count, Error: &p, Cursor: l.last})
}

func (l *listing) close(line wire.Line) int {
	err := l.line(line)
	if err == nil {
		err = l.flush()
	}
	if err != nil {
		return problem.Of(err).Status // nobody is left to tell; the metrics are
	}
	return http.StatusOK
}
