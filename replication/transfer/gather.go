package transfer

import (
	"context"
	"sync"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

const (
	asksAtOnce   = 32              // reports
	glanceWithin = 1 * time.Second // a person waits
)

// ReportOf asks a node, which may be this one, for its report.
func (t *Transfer) ReportOf(ctx context.Context, id ring.NodeID) (*Report, error) {
	if id == t.self {
		return t.Report(ctx)
	}
	return t.askReport(ctx, id, ask{Kind: kindReport}, reportWithin)
}

// GlanceOf asks a node, which may be this one, how far it is, for people.
func (t *Transfer) GlanceOf(ctx context.Context, id ring.NodeID) (*Report, error) {
	if id == t.self {
		return t.Glance(ctx)
	}
	return t.askReport(ctx, id, ask{Kind: kindReport, Glance: true}, glanceWithin)
}

// Glances asks nodes at once how far they are. Who does not answer within a second, or
// is believed to be away, is left out.
func (t *Transfer) Glances(ctx context.Context, ids []ring.NodeID) map[ring.NodeID]*Report {
	return t.gather(ctx, ids, t.GlanceOf)
}

// gather asks those nodes that are up, a number of them at once.
func (t *Transfer) gather(ctx context.Context, ids []ring.NodeID, of func(context.Context, ring.NodeID) (*Report, error)) map[ring.NodeID]*Report {
	reports := map[ring.NodeID]*Report{}
	var mu sync.Mutex
	var flying sync.WaitGroup
	slots := make(chan struct{}, asksAtOnce)
	for _, id := range ids {
		if !t.o.Cluster.Up(id) {
			continue
		}
		slots <- struct{}{} // each is given back in time: of has a timeout
		flying.Go(func() {
			defer func() { <-slots }()
			r, err := of(ctx, id)
			if t.hear(id, err == nil); err != nil {
				return // it is silent
			}
			mu.Lock()
			defer mu.Unlock()
			reports[id] = r
		})
	}
	flying.Wait()
	return reports
}

// hear notes whether a node answered.
func (t *Transfer) hear(id ring.NodeID, answered bool) {
	now := t.o.Clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if answered {
		delete(t.silent, id)
	} else if t.silent[id].IsZero() {
		t.silent[id] = now
	}
}

// Silent tells since when a node has not answered when it was asked for a report; zero
// when it did, or was not asked.
func (t *Transfer) Silent(id ring.NodeID) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.silent[id]
}

func (t *Transfer) askReport(ctx context.Context, id ring.NodeID, head ask, within time.Duration) (*Report, error) {
	body, err := encode(head, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := clock.WithTimeout(ctx, t.o.Clock, within)
	defer cancel()
	raw, err := t.o.Cluster.Ask(ctx, id, head.Partition, body)
	if err != nil {
		return nil, err
	}
	var got answer
	if _, err := decode(raw, &got); err != nil {
		return nil, err
	}
	if got.Report == nil || got.Report.Node != id || !got.Report.sound() {
		return nil, errMessage
	}
	return got.Report, nil
}

// sound reports whether a report counts what can be counted.
func (r *Report) sound() bool {
	g := r.Progress
	return min(r.Hints, int64(r.Leftovers), int64(r.Working), int64(g.Taken), int64(g.Begun), int64(g.Handed)) >= 0 &&
		min(g.Fetched, g.Expected, g.Sent, g.RateIn, g.RateOut, r.Space.Free, r.Space.Mark) >= 0
}
