package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// errCut says that a listing's stream ended before its last record.
var errCut = errors.New("the listing was cut short")

// Scan lists keys in ring order: every key of the bucket is visited, so it is for
// listings and exports. A listing whose node fails goes on at another, behind the
// last key. An error ends a listing that cannot be complete; the last entry's Cursor
// resumes it.
//
// Without ScanOptions.Values an entry has its key and cursor only.
func (b *Bucket) Scan(ctx context.Context, o request.ScanOptions) iter.Seq2[request.Entry, error] {
	return func(yield func(request.Entry, error) bool) {
		s := &scan{b: b, o: o, yield: yield}
		if err := s.run(ctx); err != nil && !errors.Is(err, errStopped) {
			yield(request.Entry{}, err)
		}
	}
}

// errStopped says that the loop over the entries ended early.
var errStopped = errors.New("stopped")

// scan is a listing on its way, over as many streams as it takes.
type scan struct {
	b     *Bucket
	o     request.ScanOptions
	yield func(request.Entry, error) bool
	tries int // streams in a row that gave no key
}

// run opens streams until one ends the listing.
func (s *scan) run(ctx context.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	for {
		began := s.o.Cursor
		err := s.stream(ctx)
		if err == nil || errors.Is(err, errStopped) {
			return err
		}
		if s.o.Cursor != began {
			s.tries = 0
		}
		if s.tries++; s.tries >= maxAnswered || !passing(err) {
			return err
		}
		if err := s.b.c.sleep(ctx, firstPause<<s.tries); err != nil {
			return err
		}
	}
}

func (s *scan) check() error {
	if err := request.CheckBucket(s.b.name); err != nil {
		return err
	}
	return checkTimeout(s.o.Timeout)
}

// passing reports whether another stream may get further.
func passing(err error) bool { return errors.Is(err, errCut) || request.Retryable(err) }

// sleep waits with jitter.
func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(c.jitter(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.life.Done():
		return request.ErrClosed
	}
}

// stream reads one answer of one node. It is given up when nothing comes for a page's
// time and some more.
func (s *scan) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.b.c.life, func() { cancel(request.ErrClosed) })()
	silence := time.AfterFunc(s.silence(), func() { cancel(request.ErrTimeout) })
	defer silence.Stop()
	n := s.b.c.view.Load().pick(nil, nil, s.b.c.turn.Add(1), s.b.c.now())
	began := s.b.c.now()
	op := s.operation()
	response, err := s.b.c.http.Do(op.request(ctx, n, s.o.Timeout))
	if err != nil {
		return s.broken(ctx, n, began, unwrapURL(err))
	}
	defer response.Body.Close() //nolint:errcheck // what was wanted of it has been read
	if response.StatusCode != http.StatusOK {
		return op.refused(response)
	}
	n.ok()
	s.b.c.learn()
	lines := bufio.NewReaderSize(response.Body, 64<<10)
	for {
		line, err := readLine(lines)
		if err != nil {
			return s.broken(ctx, n, began, fmt.Errorf("%w: %w", errCut, err))
		}
		silence.Reset(s.silence())
		if done, err := s.take(line); done || err != nil {
			return err
		}
	}
}

// silence is the longest a node may say nothing: some pages without a match, each
// with its own timeout.
func (s *scan) silence() time.Duration {
	if s.o.Timeout == 0 {
		return s.b.c.timeout
	}
	return 4*s.o.Timeout + answerGrace
}

func (s *scan) operation() *operation {
	op := &operation{verb: "scan", bucket: s.b.name, method: http.MethodGet, timeout: s.o.Timeout}
	op.path, op.raw = wire.ListPath(s.b.name)
	if s.o.Prefix != "" {
		op.query = addKnob(op.query, "prefix", url.QueryEscape(s.o.Prefix))
	}
	if s.o.Cursor != "" {
		op.query = addKnob(op.query, "cursor", url.QueryEscape(s.o.Cursor))
	}
	if s.o.Limit > 0 {
		op.query = addKnob(op.query, "limit", strconv.Itoa(s.o.Limit))
	}
	if s.o.Strict != request.Unset {
		op.query = addKnob(op.query, "strict", strconv.FormatBool(s.o.Strict == request.On))
	}
	if s.o.Values {
		op.query = addKnob(op.query, "values", "true")
	}
	return op
}

// refused reads the problem that stands in the place of a listing.
func (o *operation) refused(response *http.Response) error {
	body, err := readAnswer(response)
	if err != nil {
		return fmt.Errorf("%w: %w", errCut, err)
	}
	return o.problem(&reply{response.StatusCode, response.Header, body, response.ContentLength})
}

// broken is a stream that ended without its last record.
func (s *scan) broken(ctx context.Context, n *node, began time.Duration, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(cause, request.ErrTimeout) {
		s.b.c.failed.Store(true)
		n.fail(began, s.b.c.now(), s.b.c.jitter)
	}
	if cause != nil {
		return fmt.Errorf("scan of bucket %q: %w", s.b.name, cause)
	}
	return fmt.Errorf("scan of bucket %q: %s: %w: %w", s.b.name, n.base.Host, errCut, err)
}

// maxLine bounds one record: all siblings of a key, as base64.
const maxLine = maxAnswer

// readLine reads one record with its newline; a last one without is cut.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) && len(line)+len(part) <= maxLine {
			line = append(line, part...)
			continue
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if line == nil {
			return part, nil
		}
		return append(line, part...), nil
	}
}

// take hands on an entry, or ends the listing with its last record.
func (s *scan) take(raw []byte) (done bool, err error) {
	var line wire.Line
	if err := json.Unmarshal(raw, &line); err != nil {
		return true, fmt.Errorf("%w: a record: %w", errAnswer, err)
	}
	if line.Complete != nil {
		return true, s.ended(&line)
	}
	s.o.Cursor = line.Cursor
	if !s.yield(line.Entry(), nil) {
		return true, errStopped
	}
	if s.o.Limit > 0 {
		if s.o.Limit--; s.o.Limit == 0 {
			return true, nil
		}
	}
	return false, nil
}

func (s *scan) ended(line *wire.Line) error {
	if line.Error == nil {
		return nil
	}
	return problem.As(*line.Error)
}
