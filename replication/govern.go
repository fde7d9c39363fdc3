package replication

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hengedb/henge/replication/governor"
	"github.com/hengedb/henge/replication/request"
)

const mib = 1 << 20

// Governor is what this node's background work takes its budget from.
func (c *Coordinator) Governor() *governor.Governor { return c.governor }

// budget is what the cluster's settings allow background work, in bytes a second.
func (c *Coordinator) budget() float64 {
	rate := 0
	if d := c.Document(); d != nil {
		rate = d.Settings.TransferMiBps
	}
	if rate <= 0 {
		rate = DefaultTransferMiBps
	}
	return float64(rate) * mib
}

// observe tells the governor how long a request took that was answered.
func (c *Coordinator) observe(verb governor.Verb, started time.Time, err error) {
	if err == nil || errors.Is(err, request.ErrNotFound) {
		now := c.clock.Now()
		c.governor.Observe(verb, now, now.Sub(started))
	}
}

// GovernorStatus tells how the budget of this node's background work stands.
func (c *Coordinator) GovernorStatus() request.Governor {
	s := c.governor.Stats()
	status := request.Governor{MiBps: s.Budget / mib, Own: s.Own, Factor: s.Factor, Cut: s.Cut}
	for v := range s.Normal {
		status.Requests = append(status.Requests, request.GovernedRequest{
			Verb: governor.Verb(v).String(), Normal: s.Normal[v], Recent: s.Recent[v], //nolint:gosec // there are two
		})
	}
	for _, class := range s.Classes {
		status.Classes = append(status.Classes, request.GovernedClass{
			Class: class.Class.String(), Bytes: class.Bytes, Waits: class.Waits, Paused: class.Paused,
		})
	}
	return status
}

// Govern pauses and resumes classes of background work on this node and sets its budget,
// at once, and for as long as the node runs. It fails with request.ErrBadValue, and then
// has changed nothing.
func (c *Coordinator) Govern(g request.Govern) (request.Governor, error) {
	pause, err := classesOf(g.Pause)
	if err != nil {
		return request.Governor{}, err
	}
	resume, err := classesOf(g.Resume)
	if err != nil {
		return request.Governor{}, err
	}
	if g.MiBps != nil && *g.MiBps < 0 {
		return request.Governor{}, fmt.Errorf("%w: mibps %d: want 0 or more", request.ErrBadValue, *g.MiBps)
	}
	c.governor.Pause(pause...)
	c.governor.Resume(resume...)
	if g.MiBps != nil {
		c.governor.SetBudget(float64(*g.MiBps) * mib)
	}
	c.log.Info("background work governed", slog.Any("pause", g.Pause), slog.Any("resume", g.Resume), slog.Bool("budget", g.MiBps != nil))
	return c.GovernorStatus(), nil
}

func classesOf(names []string) ([]governor.Class, error) {
	var classes []governor.Class
	for _, name := range names {
		class, err := governor.ParseClass(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", request.ErrBadValue, err)
		}
		classes = append(classes, class)
	}
	return classes, nil
}
