package load

import (
	"sync/atomic"
	"time"
)

// Tally counts a run while it goes on.
type Tally struct {
	Started time.Time
	records atomic.Int64 // decoded, good or bad
	acked   atomic.Int64
	failed  atomic.Int64 // given up
	bad     atomic.Int64 // could not be decoded
	expired atomic.Int64 // had expired before they were stored
	retried atomic.Int64 // tries after the first
	waiting atomic.Int64 // records that are being tried again just now
}

// Counts is a Tally at one moment.
type Counts struct {
	Records int64         `json:"records"`
	Acked   int64         `json:"acknowledged"`
	Failed  int64         `json:"failed"`
	Bad     int64         `json:"bad"`
	Expired int64         `json:"expired"`
	Retried int64         `json:"retries"`
	Waiting int64         `json:"-"`
	Elapsed time.Duration `json:"elapsed_ns"`
}

// Counts returns the numbers of now.
func (t *Tally) Counts() Counts {
	return Counts{
		Records: t.records.Load(), Acked: t.acked.Load(), Failed: t.failed.Load(), Bad: t.bad.Load(), Expired: t.expired.Load(),
		Retried: t.retried.Load(), Waiting: t.waiting.Load(), Elapsed: time.Since(t.Started),
	}
}

// Rate is how many records were acknowledged a second.
func (c Counts) Rate() float64 {
	if c.Elapsed <= 0 {
		return 0
	}
	return float64(c.Acked) / c.Elapsed.Seconds()
}
