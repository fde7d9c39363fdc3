package api

import (
	_ "embed" // openapi.yaml
	"net/http"
	"time"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// contract is the OpenAPI document.
//
//go:embed openapi.yaml
var contract []byte

// status shows the cluster as this node sees it.
func (c *call) status() int {
	if _, err := parseKnobs(c.r.URL.RawQuery, noKnobs, c.r.Method); err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, c.s.admin.Status(c.r.Context()))
}

// layout shows who holds which partition, and on demand how far a change is. It is 503
// while no document is held.
func (c *call) layout() int {
	k, err := parseKnobs(c.r.URL.RawQuery, knobProgress, c.r.Method)
	if err != nil {
		return c.fail(err)
	}
	layout := c.s.admin.Layout()
	if k.progress && c.s.changer != nil && layout.Change != nil {
		layout = c.s.changer.LayoutProgress(c.r.Context())
	}
	if layout.Document.IsZero() {
		return c.fail(notReady(c.s.admin.Ready()))
	}
	return c.json(http.StatusOK, layout)
}

// explain shows why a key is what it is.
func (c *call) explain() int {
	_, err := parseKnobs(c.r.URL.RawQuery, noKnobs, c.r.Method)
	if err == nil {
		err = c.name()
	}
	if err != nil {
		return c.fail(err)
	}
	explanation, err := c.s.admin.Explain(c.r.Context(), c.route.bucket, c.route.key)
	if err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, wire.ExplanationOf(explanation))
}

// verify compares replicas, and repairs what differs if that is asked for.
func (c *call) verify() int {
	err := c.plainQuery()
	var o request.VerifyOptions
	if err == nil {
		err = c.document(&o)
	}
	if err != nil {
		return c.fail(err)
	}
	v, err := c.s.admin.Verify(c.r.Context(), o)
	if err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, wire.VerificationOf(v))
}

// live says that the process answers.
func (c *call) live() int { return c.text("live\n") }

// ready says whether this node serves data, and if not, why.
func (c *call) ready() int {
	if err := c.s.admin.Ready(); err != nil {
		return c.fail(notReady(err))
	}
	return c.text("ready\n")
}

func (c *call) text(s string) int {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return c.body(http.StatusOK, []byte(s))
}

// contract sends the OpenAPI document.
func (c *call) contract() int {
	c.w.Header().Set("Content-Type", "application/yaml")
	return c.body(http.StatusOK, contract)
}

// pprof profiles the process, if the server was made to.
func (c *call) pprof() int {
	if c.s.profiler == nil {
		return c.fail(noRoute(c.r.URL.EscapedPath()))
	}
	// A trace or profile may take as long as its caller asks.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	return c.plain(c.s.profiler)()
}

// plain serves by another handler, whose status is not looked at.
func (c *call) plain(h http.Handler) func() int {
	return func() int {
		h.ServeHTTP(c.w, c.r)
		return http.StatusOK
	}
}
