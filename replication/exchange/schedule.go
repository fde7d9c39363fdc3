package exchange

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// turn is when a partition is compared next, and with whom.
type turn struct {
	due  time.Time
	last ring.NodeID   // the one before
	back []ring.NodeID // nodes that have come back: they are next
}

// job is one exchange: of a few segments, or, when that is nil, by the trees.
type job struct {
	pair
	segments *segments
}

// run makes one exchange after the other: the ledger's first.
func (x *Exchange) run() {
	for x.life.Err() == nil {
		now := x.o.Clock.Now()
		p, dirty, wake := x.ledger.take(now, x.ready)
		if dirty != nil {
			x.serveLedger(p, dirty)
			continue
		}
		j, due, ok := x.next(now)
		if ok {
			x.report(j.pair, x.exchange(j))
			continue
		}
		if wake.IsZero() || !due.IsZero() && due.Before(wake) {
			wake = due
		}
		pause := time.Hour // a kick comes first
		if !wake.IsZero() {
			pause = wake.Sub(now)
		}
		x.wait(x.kick, pause)
	}
}

func (x *Exchange) serveLedger(p pair, e *entry) {
	segments := e.segments
	err := x.exchange(job{p, &segments})
	x.report(p, err)
	if err != nil {
		x.ledger.giveBack(p, e, x.o.Clock.Now())
		return
	}
	x.counts.served.Add(int64(segments.len()))
}

// ready says whether a ledger's pair still stands, and can be worked on now.
func (x *Exchange) ready(p pair) (keep, now bool) {
	doc := x.o.Cluster.Document()
	return doc != nil && x.shares(doc, p), x.o.Cluster.Up(p.node)
}

// shares reports whether this node and the other both serve the partition.
func (x *Exchange) shares(doc *ring.Document, p pair) bool {
	if int(p.partition) >= len(doc.Layout) || p.node == x.self {
		return false
	}
	e := doc.Entry(p.partition)
	return slices.Contains(e.Serving, x.self) && slices.Contains(e.Serving, p.node)
}

// report counts and logs how an exchange ended.
func (x *Exchange) report(p pair, err error) {
	if err == nil || x.life.Err() != nil || errors.Is(err, storage.ErrClosed) {
		return
	}
	x.counts.failed.Add(1)
	x.o.Logger.Debug("exchange given up for now",
		slog.Int("partition", int(p.partition)), slog.String("with", p.node.String()), slog.String("error", err.Error()))
}

// next chooses whose turn it is; due is when it is somebody's, zero for never.
func (x *Exchange) next(now time.Time) (j job, due time.Time, ok bool) {
	doc := x.o.Cluster.Document()
	if doc == nil || x.o.Every < 0 {
		return job{}, time.Time{}, false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.learnLocked(doc, now)
	for {
		p, first := x.firstLocked()
		if first == nil {
			return job{}, time.Time{}, false
		}
		if first.due.After(now) {
			return job{}, first.due, false
		}
		node, ok := x.partner(doc.Entry(p).Serving, first)
		first.due = now.Add(x.dice.about(x.o.Every))
		if len(first.back) > 0 {
			first.due = now
		}
		if ok {
			return job{pair: pair{p, node}}, now, true
		}
	}
}

// firstLocked is the turn that is due first; nil when there is none.
func (x *Exchange) firstLocked() (p ring.Partition, first *turn) {
	for q, t := range x.turns {
		if first == nil || t.due.Before(first.due) || t.due.Equal(first.due) && q < p {
			p, first = q, t
		}
	}
	return p, first
}

// partner is the node that follows the last partner and is up; who has come back goes
// before.
func (x *Exchange) partner(serving []ring.NodeID, t *turn) (ring.NodeID, bool) {
	for len(t.back) > 0 {
		id := t.back[0]
		t.back = t.back[1:]
		if slices.Contains(serving, id) && x.o.Cluster.Up(id) {
			return id, true
		}
	}
	from := slices.Index(serving, t.last) + 1
	for i := range serving {
		id := serving[(from+i)%len(serving)]
		if id != x.self && x.o.Cluster.Up(id) {
			t.last = id
			return id, true
		}
	}
	return 0, false
}

// learnLocked gives each partition that this node serves a turn, and those sooner that it
// shares with a node that is back.
func (x *Exchange) learnLocked(doc *ring.Document, now time.Time) {
	if x.doc != doc {
		x.doc = doc
		for i, e := range doc.Layout {
			p := ring.Partition(i) //nolint:gosec // there are few
			if !slices.Contains(e.Serving, x.self) || len(e.Serving) < 2 {
				delete(x.turns, p)
			} else if x.turns[p] == nil {
				x.turns[p] = &turn{due: now.Add(x.dice.below(x.o.Every))}
			}
		}
	}
	for _, id := range x.back {
		for i, e := range doc.Layout {
			t := x.turns[ring.Partition(i)] //nolint:gosec // there are few
			if t == nil || !slices.Contains(e.Serving, id) || slices.Contains(t.back, id) {
				continue
			}
			t.back = append(t.back, id)
			if due := now.Add(soon + x.dice.below(soon)); due.Before(t.due) {
				t.due = due
			}
		}
	}
	x.back = nil
}
