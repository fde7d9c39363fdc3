package exchange

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// build builds the trees of what this node holds: those that are not known at once, and
// each again from time to time.
func (x *Exchange) build() {
	dice := x.newDice(2)
	again := map[ring.Partition]time.Time{} // when a tree is built again
	from := ring.Partition(0)               // so that a look does not begin with all that are built
	for x.life.Err() == nil {
		now := x.o.Clock.Now()
		p, due, ok := x.nextTree(again, from, now)
		if !ok {
			pause := time.Hour // a kick comes first
			if !due.IsZero() {
				pause = due.Sub(now)
			}
			x.wait(x.kickBuild, pause)
			continue
		}
		from, again[p] = p, now.Add(rebuildTry)
		if err := x.o.Store.BuildTree(x.life, p, x.paced); err != nil {
			if x.life.Err() == nil && !errors.Is(err, storage.ErrClosed) {
				x.o.Logger.Warn("hash tree cannot be built", slog.Int("partition", int(p)), slog.String("error", err.Error()))
			}
			continue
		}
		again[p] = now.Add(dice.about(x.o.Rebuild))
		x.counts.trees.Add(1)
	}
}

// paced is the pace of a build, which reads a piece between two calls.
func (x *Exchange) paced(ctx context.Context, read int) error {
	x.o.Trees.Pay(read)
	return x.o.Trees.Wait(ctx)
}

// nextTree is a partition, looked for from one on, whose tree is not known or has to be
// built again; due is when there will be one, zero for nobody knows.
func (x *Exchange) nextTree(again map[ring.Partition]time.Time, from ring.Partition, now time.Time) (p ring.Partition, due time.Time, ok bool) {
	doc := x.o.Cluster.Document()
	if doc == nil {
		return 0, time.Time{}, false
	}
	q := ring.Partition(doc.Partitions) //nolint:gosec // there are few
	for i := range q {
		p := (from + i) % q
		held, known := x.o.Store.TreeState(p)
		if !held {
			continue
		}
		at := again[p]
		if !at.After(now) || !known && at.After(now.Add(rebuildTry)) { // the latter was lost and won again
			return p, time.Time{}, true
		}
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return 0, due, false
}
