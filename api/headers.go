package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// writeOptions reads everything of a put or delete but its body.
func (c *call) writeOptions() (request.WriteOptions, error) {
	k, err := parseKnobs(c.r.URL.RawQuery, writeKnobs, c.r.Method)
	if err != nil {
		return request.WriteOptions{}, err
	}
	o := request.WriteOptions{W: k.w, Strict: k.strict, Timeout: k.timeout, Trace: c.traceparent}
	if k.seen&knobSync != 0 {
		o.Unsynced = request.SwitchOf(k.sync == request.Off)
	}
	h := c.r.Header
	if err := writeConditions(h, &o); err != nil {
		return request.WriteOptions{}, err
	}
	if err := ourHeaders(h, &o); err != nil {
		return request.WriteOptions{}, err
	}
	if err := only(h, wire.Idempotency, &o.OpID); err != nil {
		return request.WriteOptions{}, err
	}
	return o, problem.Field(wire.Idempotency, request.CheckWrite(request.WriteOptions{OpID: o.OpID}))
}

// ourHeaders reads the headers that begin with Henge-. One that is misspelled is
// refused: a context that is taken for absent loses what it was to protect.
func ourHeaders(h http.Header, o *request.WriteOptions) error {
	for name, values := range h {
		if !strings.HasPrefix(name, "Henge-") {
			continue
		}
		meta, isMeta := strings.CutPrefix(name, wire.MetaPrefix)
		switch {
		case isMeta:
			if o.Meta == nil {
				o.Meta = make(map[string]string)
			}
			o.Meta[strings.ToLower(meta)] = strings.Join(values, ", ")
		case name == wire.Context:
			var context string
			if err := only(h, name, &context); err != nil {
				return err
			}
			o.Context = request.Context(context)
		case name == wire.TTL, name == wire.ExpiresAt:
			if err := expiryHeader(h, name, o); err != nil {
				return problem.Field(name, err)
			}
		default:
			return problem.Field(name, fmt.Errorf("%w: there is no such header", request.ErrBadValue))
		}
	}
	if err := problem.Field(wire.TTL, request.CheckExpiry(*o)); err != nil || o.Meta == nil {
		return err
	}
	return problem.Field(wire.MetaPrefix+"*", request.CheckWrite(request.WriteOptions{Meta: o.Meta}))
}

// expiryHeader reads a TTL, or the time that a value expires at.
func expiryHeader(h http.Header, name string, o *request.WriteOptions) error {
	var text string
	err := only(h, name, &text)
	switch {
	case err != nil:
	case name == wire.TTL:
		o.TTL, err = request.ParseTTL(text)
	default:
		o.ExpiresAt, err = request.ParseExpiresAt(text)
	}
	return err
}

// only reads a header that must not stand twice, or be empty where it stands.
func only(h http.Header, name string, into *string) error {
	values := h[name]
	switch {
	case len(values) > 1:
		return problem.Field(name, fmt.Errorf("%w: it is given %d times", request.ErrBadValue, len(values)))
	case len(values) == 1 && values[0] == "":
		return problem.Field(name, fmt.Errorf("%w: it is empty", request.ErrBadValue))
	case len(values) == 1:
		*into = values[0]
	}
	return nil
}

// contentOptions reads the headers of a put that describe its body.
func contentOptions(h http.Header, o *request.WriteOptions) error {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return problem.Field("Content-Encoding", fmt.Errorf("%w: %q; values are stored as they are sent", problem.ErrEncoding, encoding))
	}
	if h.Get("Content-Range") != "" {
		return problem.Field("Content-Range", fmt.Errorf("%w: a value is written as a whole", request.ErrBadValue))
	}
	if err := only(h, "Content-Type", &o.ContentType); err != nil {
		return err
	}
	return problem.Field("Content-Type", request.CheckWrite(request.WriteOptions{ContentType: o.ContentType}))
}

// prefersValue reports whether a put asks for the value in its answer (RFC 7240).
func prefersValue(h http.Header) bool {
	for _, value := range h["Prefer"] {
		for preference := range strings.SplitSeq(value, ",") {
			name, _, _ := strings.Cut(preference, ";")
			if strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(name), `"`, ""), "return=representation") {
				return true
			}
		}
	}
	return false
}
