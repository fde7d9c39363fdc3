package api

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// verb is what a request does, as metrics name it. Buckets and keys are not named:
// their number is the clients' choice.
type verb string

const (
	verbGet     verb = "get"
	verbHead    verb = "head"
	verbPut     verb = "put"
	verbDelete  verb = "delete"
	verbScan    verb = "scan"
	verbExplain verb = "explain"
	verbCluster verb = "cluster" // status and layout
	verbAdmin   verb = "admin"   // buckets, settings, changes of the layout
	verbProbe   verb = "probe"   // operators and their machines
	verbNone    verb = "none"    // no such path or method
)

// metrics count what the server answered.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	flying   prometheus.Gauge
}

// newMetrics registers the metrics. Two servers of one registry share them.
func newMetrics(registry *prometheus.Registry) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "henge_http_requests_total", Help: "HTTP requests answered, by verb and status code.",
		}, []string{"verb", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "henge_http_request_seconds", Help: "Time from a request's header to the end of its answer, by verb.",
			// From a read out of memory to the longest timeout; four a decade tell a
			// sync from two.
			Buckets: []float64{
				.00025, .0005, .001, .002, .003, .005, .01, .02, .03, .05, .1, .2, .3, .5, 1, 2, 5, 10, 60,
			},
		}, []string{"verb"}),
		flying: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "henge_http_bodies_bytes", Help: "Bytes of values being received.",
		}),
	}
	return m, errors.Join(reuse(registry, &m.requests), reuse(registry, &m.seconds), reuse(registry, &m.flying))
}

// reuse registers a collector, or takes the one that is registered already.
func reuse[C prometheus.Collector](registry *prometheus.Registry, c *C) error {
	err := registry.Register(*c)
	if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := known.ExistingCollector.(C); ok {
			*c = same
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

func (m *metrics) observe(v verb, status int, took time.Duration) {
	m.requests.WithLabelValues(string(v), strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(string(v)).Observe(took.Seconds())
}
