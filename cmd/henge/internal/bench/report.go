package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/hengedb/henge/cmd/henge/internal/output"
)

// Report is what a run measured.
type Report struct {
	Clients int           `json:"clients"`
	Size    int           `json:"value_bytes"`
	Keys    int           `json:"keys"`
	Mix     Mix           `json:"mix"`
	Elapsed time.Duration `json:"elapsed_ns"`
	Verbs   []Verb        `json:"verbs"`
}

// Verb is what was measured of one verb. Times are in microseconds, of requests
// that succeeded.
type Verb struct {
	Verb   string           `json:"verb"`
	Count  int64            `json:"count"`
	Rate   float64          `json:"per_second"`
	Mean   float64          `json:"mean_us"`
	P50    float64          `json:"p50_us"`
	P90    float64          `json:"p90_us"`
	P99    float64          `json:"p99_us"`
	P999   float64          `json:"p999_us"`
	Max    float64          `json:"max_us"`
	Errors map[string]int64 `json:"errors,omitempty"` // by kind; not in the times
}

// report joins what the clients saw. A verb that was never sent is left out.
func report(o Options, elapsed time.Duration, clients []map[string]*tally) Report {
	r := Report{Clients: o.Clients, Size: o.Size, Keys: o.Keys, Mix: o.Mix, Elapsed: elapsed, Verbs: []Verb{}}
	for _, verb := range []string{put, get} {
		all := newTally()
		for _, c := range clients {
			all.times.Merge(c[verb].times)
			for word, n := range c[verb].errors {
				all.errors[word] += n
			}
		}
		if all.times.TotalCount() > 0 || len(all.errors) > 0 {
			r.Verbs = append(r.Verbs, verbOf(verb, all, elapsed))
		}
	}
	return r
}

// verbOf reads the figures off a histogram.
func verbOf(name string, t *tally, elapsed time.Duration) Verb {
	at := func(percentile float64) float64 { return micros(t.times, percentile) }
	return Verb{
		Verb: name, Count: t.times.TotalCount(), Rate: float64(t.times.TotalCount()) / elapsed.Seconds(),
		Mean: t.times.Mean() / 1e3, P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: at(100),
		Errors: t.errors,
	}
}

func micros(h *hdrhistogram.Histogram, percentile float64) float64 {
	return float64(h.ValueAtPercentile(percentile)) / 1e3
}

// Failed reports how many requests failed.
func (r Report) Failed() (n int64) {
	for _, v := range r.Verbs {
		for _, count := range v.Errors {
			n += count
		}
	}
	return n
}

// Human writes the report as a table.
func (r Report) Human(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%d clients, values of %d bytes, %d keys, mix %s, %s, closed loop\n\n",
		r.Clients, r.Size, r.Keys, r.Mix, r.Elapsed.Round(time.Millisecond)); err != nil {
		return err
	}
	rows := [][]string{{"VERB", "COUNT", "PER SECOND", "P50", "P90", "P99", "P99.9", "MAX", "ERRORS"}}
	for _, v := range r.Verbs {
		rows = append(rows, []string{
			v.Verb, fmt.Sprint(v.Count), fmt.Sprintf("%.0f", v.Rate),
			millis(v.P50), millis(v.P90), millis(v.P99), millis(v.P999), millis(v.Max), words(v.Errors),
		})
	}
	return output.Table(w, rows)
}

func millis(micros float64) string { return fmt.Sprintf("%.2f ms", micros/1e3) }

// words lists errors by kind.
func words(errors map[string]int64) string {
	if len(errors) == 0 {
		return "0"
	}
	var kinds []string
	for _, word := range slices.Sorted(maps.Keys(errors)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", errors[word], word))
	}
	return strings.Join(kinds, ", ")
}
