package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// get answers GET and HEAD of a key.
func (c *call) get() int {
	k, err := parseKnobs(c.r.URL.RawQuery, readKnobs, c.r.Method)
	if err == nil {
		err = c.name()
	}
	if err != nil {
		return c.fail(err)
	}
	value, err := c.s.keys.Get(c.r.Context(), c.route.bucket, c.route.key, request.ReadOptions{
		R: k.r, Strict: k.strict, Timeout: k.timeout, NoValue: c.r.Method == http.MethodHead, Trace: c.traceparent,
	})
	h := c.w.Header()
	if err == nil || errors.Is(err, request.ErrNotFound) {
		h[wire.Answers] = []string{wire.FormatAnswers(value.Answers)}
	}
	if k.seen&knobSibling != 0 && err == nil {
		return c.oneSibling(value, k.sibling)
	}
	if value.Context != "" {
		h[wire.Context] = []string{string(value.Context)}
	}
	if err != nil {
		return c.fail(knobField("r", err))
	}
	return c.read(value)
}

// read answers with a value, or with the siblings that stand in its place.
func (c *call) read(value request.Value) int {
	h := c.w.Header()
	if changed(c.r.Header, value.ETag) {
		return c.fail(problem.Field("If-Match", fmt.Errorf("%w: the value's entity tag is another", request.ErrPrecondition)))
	}
	h["Etag"] = []string{wire.Quote(value.ETag)}
	if unchanged(c.r.Header, value.ETag) {
		c.noStore()
		c.w.WriteHeader(http.StatusNotModified)
		return http.StatusNotModified
	}
	return c.value(http.StatusOK, http.StatusMultipleChoices, value)
}

// value sends the one value with status one, several with status many.
func (c *call) value(one, many int, value request.Value) int {
	c.w.Header()[wire.Siblings] = []string{strconv.Itoa(len(value.Siblings))}
	if len(value.Siblings) == 1 {
		return c.sibling(one, value.Siblings[0])
	}
	set := wire.Set{Siblings: make([]wire.Sibling, 0, len(value.Siblings))}
	if c.r.Method == http.MethodHead { // no value was moved: nothing to show
		c.w.Header().Set("Content-Type", "application/json")
		c.noStore()
		c.w.WriteHeader(many)
		return many
	}
	for _, s := range value.Siblings {
		set.Siblings = append(set.Siblings, wire.SiblingOf(s))
	}
	return c.json(many, set)
}

// sibling sends one value's bytes.
func (c *call) sibling(status int, s request.Sibling) int {
	h := c.w.Header()
	h["Content-Type"] = []string{wire.TypeOr(s.ContentType)}
	h["Last-Modified"] = []string{s.Modified.UTC().Format(http.TimeFormat)}
	h[wire.SiblingID] = []string{s.ID}
	if !s.Expires.IsZero() {
		h[wire.ExpiresAt] = []string{request.FormatExpiresAt(s.Expires)}
	}
	for name, text := range s.Meta {
		h.Set(wire.MetaPrefix+name, text)
	}
	if c.r.Method != http.MethodHead {
		return c.body(status, s.Data)
	}
	h["Content-Length"] = []string{strconv.Itoa(s.Size)}
	c.noStore()
	c.w.WriteHeader(status)
	return status
}

// oneSibling answers ?sibling=ID. It carries no context and no entity tag: a write
// that replaced all siblings for having seen one would lose the others.
func (c *call) oneSibling(value request.Value, id string) int {
	for _, s := range value.Siblings {
		if s.ID == id {
			return c.sibling(http.StatusOK, s)
		}
	}
	return c.fail(problem.Field("sibling", fmt.Errorf("%w: the key has no sibling %q", request.ErrNotFound, id)))
}
