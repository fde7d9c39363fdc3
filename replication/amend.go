package replication

import (
	"cmp"
	"context"
	"fmt"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// AmendChange has the change in flight go on without a member that died for ever: it is
// expelled, and what it was to serve goes to others, among them with unless that is
// empty. It fails with request.ErrNoChange when no change is in flight, with
// request.ErrNoNode for a name that is nobody's, and with request.ErrUnsafe for a node
// that answers, or where too few would be left.
func (c *Coordinator) AmendChange(ctx context.Context, gone, with string) error {
	return c.editLayout(ctx, "amend", func(d *ring.Document) (*ring.Document, error) {
		if d.Change == nil {
			return nil, ring.ErrNoChange
		}
		m, err := memberNamed(d, gone)
		if err != nil {
			return nil, err
		}
		switch {
		case m.Going == ring.Expelled:
			return nil, nil // it is done
		case c.health.Up(m.ID):
			return nil, fmt.Errorf("%w: %s answers, and what it took would be lost: go back with henge layout revert, or switch it off first", request.ErrUnsafe, m.Name)
		}
		if with == "" {
			return d.Amended(m.ID, nil)
		}
		peer, err := c.strangerNamed(d, with)
		if err != nil {
			return nil, err
		}
		other := MemberOf(peer)
		other.Weight, other.Zone = m.Weight, cmp.Or(other.Zone, m.Zone)
		return d.Amended(m.ID, &other)
	})
}
