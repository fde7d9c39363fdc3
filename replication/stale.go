package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// errStale says that the layout moved under a request (R3); it starts anew with
// the newer document.
var errStale = fmt.Errorf("%w: the partition's entry has changed", request.ErrNotReady)

// maxStale is how often a request starts anew because the layout moved under it: a
// change of a partition has four steps, and one that goes back two more.
const maxStale = 6

// Settled waits until the store goes by the document held: a request that was refused
// because the layout moved would only be refused again before.
func (c *Coordinator) Settled(ctx context.Context) error {
	if err := c.agent.Settled(ctx); err != nil {
		return fmt.Errorf("%w: the newer document is not in use yet: %w", request.ErrNotReady, err)
	}
	return nil
}

// await waits for a round that asks by doc. Where a replica tells that its entry for
// the partition is newer, that document is fetched from it, and errStale says that it
// is held now. One whose document is not to be had has merely refused; so has each
// when the request has no other run left.
func (c *Coordinator) await(ctx context.Context, r *round, doc *ring.Document, again bool) error {
	for {
		err := r.wait(ctx)
		if !errors.Is(err, errStale) {
			return err
		}
		if again && c.fetch(ctx, r, doc) {
			return err
		}
		r.replaceStale()
	}
}

// fetch sees to it that this node holds a newer document than doc, within half of the
// time that the round has: the other half is for who serves without it.
func (c *Coordinator) fetch(ctx context.Context, r *round, doc *ring.Document) bool {
	if c.agent.Document().Version > doc.Version {
		return true
	}
	ctx, cancel := clock.WithTimeout(ctx, c.clock, r.until.Sub(c.clock.Now())/2)
	defer cancel()
	if err := c.agent.Pull(ctx, r.stale.node); err != nil {
		c.log.Warn("newer document cannot be pulled", slog.String("from", nameOf(doc, r.stale.node)), attrErr(err))
	}
	return c.agent.Document().Version > doc.Version
}

// moved reports whether this node's own entry for a partition is newer than doc.
func (c *Coordinator) moved(doc *ring.Document, p ring.Partition) bool {
	return c.agent.Document().Entry(p).Changed > doc.Version
}
