package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/replication/request"
)

// call is one request on its way.
type call struct {
	s           *Server
	w           http.ResponseWriter
	r           *http.Request
	route       route
	err         error // of the path
	traceparent string
	traceID     string
}

// serve answers, and says what it answered.
func (c *call) serve() (verb, int) {
	if c.route.place == placeNone {
		return verbNone, c.fail(c.err)
	}
	if allowed := c.route.place.allowed(); !slices.Contains(allowed, c.r.Method) {
		c.w.Header().Set("Allow", strings.Join(allowed, ", "))
		return verbNone, c.fail(fmt.Errorf("%w: %s", problem.ErrMethod, c.r.Method))
	}
	verb, handle := c.handler()
	if c.err != nil {
		return verb, c.fail(c.err)
	}
	return verb, handle()
}

// handler finds what serves the place and method.
func (c *call) handler() (verb, func() int) {
	switch c.route.place {
	case placeKey:
		return c.keyHandler()
	case placeList:
		return verbScan, c.list
	case placeExplain:
		return verbExplain, c.explain
	case placeStatus:
		return verbCluster, c.status
	case placeLayout:
		return verbCluster, c.layout
	case placeMetrics:
		return verbProbe, c.plain(c.s.exporter)
	case placePprof:
		return verbProbe, c.pprof
	case placeReady:
		return verbProbe, c.ready
	case placeContract:
		return verbProbe, c.contract
	case placeLive:
		return verbProbe, c.live
	}
	return verbAdmin, c.adminHandler()
}

// adminHandler finds what serves buckets, settings, the governor and changes of the layout.
func (c *call) adminHandler() func() int {
	put := c.r.Method == http.MethodPut
	switch place := c.route.place; {
	case place == placeBuckets:
		return c.buckets
	case place == placeBucket && put:
		return c.putBucket
	case place == placeBucket && c.r.Method == http.MethodDelete:
		return c.dropBucket
	case place == placeBucket:
		return c.bucket
	case place == placeSettings && put:
		return c.putSettings
	case place == placeSettings:
		return c.settings
	case place == placeVerify:
		return c.verify
	case place == placePlan:
		return c.plan
	case place == placeGovernor:
		return c.governor
	case place == placeSalvage:
		return c.salvage
	case place >= placeLacking && place <= placeOpen:
		return c.salvageSet
	}
	return c.changeLayout
}

func (c *call) keyHandler() (verb, func() int) {
	switch c.r.Method {
	case http.MethodPut:
		return verbPut, c.put
	case http.MethodDelete:
		return verbDelete, c.delete
	case http.MethodHead:
		return verbHead, c.get
	}
	return verbGet, c.get
}

// name checks the bucket and key that the path names.
func (c *call) name() error {
	if err := request.CheckBucket(c.route.bucket); err != nil {
		return problem.Field("bucket", err)
	}
	if c.route.place == placeList {
		return nil
	}
	return problem.Field("key", request.CheckKey(c.route.key))
}

// fail answers with a problem document.
func (c *call) fail(err error) int {
	p := c.problem(err)
	problem.Write(c.w, p)
	return p.Status
}

// problem describes err for this request.
func (c *call) problem(err error) problem.Problem {
	p := problem.Of(err)
	p.Instance = c.traceID
	if c.reads() {
		p.Outcome = request.None
	}
	if p.Status == http.StatusInternalServerError {
		c.s.log.Error("request met an error without a name", slog.String("method", c.r.Method),
			slog.String("path", c.r.URL.EscapedPath()), slog.String("error", err.Error()), slog.String("trace", c.traceID))
	}
	return p
}

// reads reports whether the request cannot change anything.
func (c *call) reads() bool {
	return c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
}

// json answers with a document.
func (c *call) json(status int, document any) int {
	body, err := json.Marshal(document)
	if err != nil {
		return c.fail(fmt.Errorf("encode the answer: %w", err))
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	return c.body(status, body)
}

// body answers with bytes whose type is set already. An answer that a client does
// not wait for is nobody's error.
func (c *call) body(status int, body []byte) int {
	h := c.w.Header()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.noStore()
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body)
	return status
}

// noStore sets what every answer carries: the type is the one that is named, and a
// cache asks before it answers from what it kept.
func (c *call) noStore() {
	h := c.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
}

// notReady makes sure that a reason for not being ready is an error that says so.
func notReady(err error) error {
	switch {
	case err == nil:
		return request.ErrNotReady
	case errors.Is(err, request.ErrNotReady), errors.Is(err, request.ErrClosed):
		return err
	}
	return fmt.Errorf("%w: %w", request.ErrNotReady, err)
}
