package transfer

import (
	"log/slog"
	"sync"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

// The pace of complaints: jobs that cannot go on are tried four times a second, and
// each would fill the log with the same line.
const (
	tellEvery = time.Minute
	tellMost  = 8 // different reasons in that time: some name a port, or a partition
)

// seldom logs why something waits, each reason once in a while.
type seldom struct {
	clock clock.Clock
	log   *slog.Logger

	mu    sync.Mutex // guards what follows
	since time.Time
	told  map[string]bool
	held  int
}

// warn logs, unless it did so lately. It adds how often it did not.
func (s *seldom) warn(message string, err error, more ...any) {
	held, ok := s.may(message + ": " + err.Error())
	if !ok {
		return
	}
	attrs := append(more, slog.String("error", err.Error()))
	if held > 0 {
		attrs = append(attrs, slog.Int("not_logged", held))
	}
	s.log.Warn(message, attrs...) //nolint:sloglint // each caller has a constant
}

// may reports whether a text may be logged, and how many were not since the last.
func (s *seldom) may(text string) (held int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.clock.Now(); s.told == nil || now.Sub(s.since) >= tellEvery {
		s.since, s.told = now, map[string]bool{}
	}
	if s.told[text] || len(s.told) == tellMost {
		s.held++
		return 0, false
	}
	s.told[text] = true
	held, s.held = s.held, 0
	return held, true
}
