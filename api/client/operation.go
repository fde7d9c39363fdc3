package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/replication/request"
)

// operation is one verb on its way, the same in all its attempts.
type operation struct {
	verb        string // for errors
	bucket, key string
	method      string
	path, raw   string      // as decoded and as escaped
	query       string      // without the timeout
	header      http.Header // shared by the attempts, which only read it
	body        []byte
	write       bool
	seeds       bool // only the URLs that the client was given are meant

	timeout  time.Duration // the caller's knob; 0: the node's default holds
	patience time.Duration // silence after which another node is asked besides
}

// reply is a node's answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
	size   int64 // as the header says; -1: it does not
}

// maxAnswer bounds what is read of an answer: 64 MiB of siblings as base64, and
// room for what describes them.
const maxAnswer = 96 << 20

// request makes the HTTP request of one attempt, which has so much time left.
func (o *operation) request(ctx context.Context, n *node, left time.Duration) *http.Request {
	u := &url.URL{
		Scheme: n.base.Scheme, Host: n.base.Host, Path: n.base.Path + o.path, RawPath: n.base.EscapedPath() + o.raw,
		RawQuery: o.query,
	}
	if o.timeout > 0 {
		u.RawQuery = addKnob(u.RawQuery, "timeout", min(o.timeout, left).String())
	}
	r := &http.Request{
		Method: o.method, URL: u, Host: u.Host, Header: o.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if len(o.body) > 0 {
		r.ContentLength = int64(len(o.body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.body)), nil }
		r.Body = io.NopCloser(bytes.NewReader(o.body))
	}
	return r.WithContext(ctx)
}

// addKnob appends a query parameter whose name and value need no escaping.
func addKnob(query, name, value string) string {
	if query != "" {
		query += "&"
	}
	return query + name + "=" + value
}

// attempt sends the operation to one node and reads its answer. An answer that is
// not a success comes with the error it names.
func (c *Client) attempt(ctx context.Context, o *operation, n *node, left time.Duration) (*reply, error) {
	response, err := c.http.Do(o.request(ctx, n, left))
	if err != nil {
		return nil, unwrapURL(err)
	}
	body, err := readAnswer(response)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	r := &reply{response.StatusCode, response.Header, body, response.ContentLength}
	if r.status < http.StatusBadRequest {
		return r, nil
	}
	return r, o.problem(r)
}

// readAnswer reads a body into one buffer when its size is known.
func readAnswer(response *http.Response) ([]byte, error) {
	if size := response.ContentLength; size > maxAnswer {
		return nil, fmt.Errorf("%w: an answer of %d bytes; the limit is %d", request.ErrTooLarge, size, maxAnswer)
	} else if size >= 0 && response.Request.Method != http.MethodHead {
		body := make([]byte, size)
		_, err := io.ReadFull(response.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("%w: an answer of more than %d bytes", request.ErrTooLarge, maxAnswer)
	}
	return body, err
}

// problem is the error that an answer names.
func (o *operation) problem(r *reply) *problem.Error {
	e := problem.Decode(r.status, r.header.Get("Content-Type"), r.body)
	if o.method == http.MethodHead {
		e = problem.Bare(r.status, r.header.Get(problem.Header))
	}
	if seconds, err := strconv.ParseUint(r.header.Get("Retry-After"), 10, 16); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	if lost := (*request.QuorumError)(nil); errors.As(e, &lost) {
		lost.Op, lost.Bucket, lost.Key = o.verb, o.bucket, o.key
	}
	return e
}

// neverSent reports whether an attempt failed before a byte of it left.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// unwrapURL drops the method and URL that net/http puts before an error: what the
// operation was and which node it went to stands in Error.
func unwrapURL(err error) error {
	if outer := (*url.Error)(nil); errors.As(err, &outer) {
		return outer.Err
	}
	return err
}
