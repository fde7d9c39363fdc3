package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/hengedb/henge/replication/agree"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// ForceLayout gives up a majority of the voters that is lost for ever: the lost vote no
// more, with nobody asked, so that those left decide again, and can replace or remove
// the lost. yes is the cluster's id: who says it means this cluster. What the lost
// decided or took that nobody here has is set aside where they come back; where both
// sides force, it is lost.
//
// It fails with request.ErrBadValue for another id, with request.ErrNoNode for a name
// that is nobody's, and with request.ErrUnsafe while the cluster can still decide,
// while one of the lost answers, or where too few would be left.
func (c *Coordinator) ForceLayout(ctx context.Context, lost []string, yes string) error {
	release, err := c.admit(ctx)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := c.within(ctx, editTimeout)
	defer cancel()
	doc, err := c.agent.Force(ctx, func(d *ring.Document) (*ring.Document, error) {
		if yes != d.Cluster {
			return nil, fmt.Errorf("%w: this is cluster %s, not %.40q", request.ErrBadValue, d.Cluster, yes)
		}
		ids := make([]ring.NodeID, len(lost))
		for i, name := range lost {
			m, err := memberNamed(d, name)
			if err != nil {
				return nil, err
			}
			ids[i] = m.ID
		}
		if c.agent.Alarm() == "" && forcedAlready(d, c.self, ids) {
			return nil, nil
		}
		next, err := d.ForcedWithout(ids, c.self, c.clock.Now().UnixMilli(), c.rand())
		return next, inWords(err)
	})
	switch {
	case errors.Is(err, agree.ErrMajority), errors.Is(err, agree.ErrAlive), errors.Is(err, agree.ErrFew):
		return fmt.Errorf("%w: %w", request.ErrUnsafe, err)
	case errors.Is(err, agree.ErrNoDocument), errors.Is(err, agree.ErrConflict), errors.Is(err, agree.ErrEdit):
		return fmt.Errorf("%w: %w", request.ErrNotReady, err)
	case err != nil:
		return err
	}
	c.log.Warn("layout forced without a majority", slog.String("lost", strings.Join(lost, ",")), slog.String("document", doc.Name().String()))
	return nil
}

// forcedAlready knows a force again that a client sends twice.
func forcedAlready(d *ring.Document, by ring.NodeID, lost []ring.NodeID) bool {
	return d.Forced != nil && d.Forced.By == by && slices.Equal(d.Forced.Lost, slices.Sorted(slices.Values(lost))) &&
		!slices.ContainsFunc(lost, func(id ring.NodeID) bool { return slices.Contains(d.Voters, id) })
}
