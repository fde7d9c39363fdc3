package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server is an http.Handler that serves one node. It is safe for concurrent use and
// starts no goroutine.
type Server struct {
	keys      Keys
	admin     Admin
	changer   Changer  // nil: layout verbs are not served
	governed  Governed // nil: no governor is served
	salvager  Salvager // nil: no salvage is served
	log       *slog.Logger
	maxValue  func() int64
	maxBodies int64
	rand      func() uint64
	metrics   *metrics
	exporter  http.Handler
	profiler  http.Handler // nil: not served

	bodies atomic.Int64 // bytes of values being received
}

var _ http.Handler = (*Server)(nil)

// New makes a server and registers its metrics. It fails when the options are not
// valid or the registry refuses the metrics.
func New(o Options) (*Server, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("api options: %w", err)
	}
	m, err := newMetrics(o.Registry)
	if err != nil {
		return nil, err
	}
	s := &Server{
		keys: o.Keys, admin: o.Admin, log: o.Logger, maxValue: o.MaxValue, maxBodies: o.MaxBodies, rand: o.Rand,
		metrics: m, exporter: promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{}),
	}
	s.changer, _ = o.Admin.(Changer)
	s.governed, _ = o.Admin.(Governed)
	s.salvager, _ = o.Admin.(Salvager)
	if o.Pprof {
		s.profiler = newProfiler()
	}
	return s, nil
}

// newProfiler routes below /debug/pprof/.
func newProfiler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(pathPprof, pprof.Index)
	mux.HandleFunc(pathPprof+"cmdline", pprof.Cmdline)
	mux.HandleFunc(pathPprof+"profile", pprof.Profile)
	mux.HandleFunc(pathPprof+"symbol", pprof.Symbol)
	mux.HandleFunc(pathPprof+"trace", pprof.Trace)
	return mux
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	c := &call{s: s, w: w, r: r}
	c.route, c.err = parseRoute(sentPath(r.URL))
	c.traceparent, c.traceID = s.trace(r)
	verb, status := c.serve()
	s.metrics.observe(verb, status, time.Since(started))
}

// sentPath is the escaped path as it was sent. EscapedPath alone would escape anew
// what stands beside a byte that should have been escaped, slashes excepted.
func sentPath(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}
