package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// The pace of looking: often enough that a person sees what happened while it is
// still interesting, rare enough to cost nothing. A node counts as silent after
// several misses, because one slow answer on a busy laptop is no news.
const (
	probeEvery   = 500 * time.Millisecond
	probeTimeout = 400 * time.Millisecond
	silentAfter  = 4
)

// health is what is known of one node.
type health int

const (
	starting health = iota // has not answered yet
	up
	silent // its process lives, as far as is known, and does not answer
	dead   // its process ended
)

// watched is one node with what was last seen of it.
type watched struct {
	health health
	misses int
	since  time.Time // of dead or silent
}

// died notes that the process ended.
func (w *watched) died(now time.Time) { *w = watched{health: dead, since: now} }

// saw notes an answer, nil meaning ready, and returns what is worth telling: an
// event of kind Back or Silent, or none.
func (w *watched) saw(answer error, now time.Time) (What, string) {
	if answer == nil {
		before := *w
		*w = watched{health: up}
		switch before.health {
		case dead:
			return Back, fmt.Sprintf("is back: started by hand %s after it died, and ready", away(before.since, now))
		case silent:
			return Back, fmt.Sprintf("answers again after %s", away(before.since, now))
		}
		return "", ""
	}
	if w.misses++; w.health != up || w.misses < silentAfter {
		return "", ""
	}
	*w = watched{health: silent, since: now}
	return Silent, fmt.Sprintf("does not serve: %v", answer)
}

// away words how long a node was missing.
func away(since, now time.Time) time.Duration { return now.Sub(since).Round(100 * time.Millisecond) }

// probe asks a node whether it is ready; nil is yes.
func probe(ctx context.Context, c *http.Client, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, probeTimeout, errors.New("no answer in time"))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil || resp.StatusCode == http.StatusOK {
		return err
	}
	return fmt.Errorf("it answers %s: %s", resp.Status, strings.TrimSpace(string(body)))
}
