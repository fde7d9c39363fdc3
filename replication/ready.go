package replication

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Ready says why the node should not be asked, or nil.
func (c *Coordinator) Ready() error {
	if c.leaving.Load() {
		return fmt.Errorf("%w: shutting down", request.ErrNotReady)
	}
	if err := c.serving(); err != nil {
		return err
	}
	return c.belongs(c.agent.Document())
}

// belongs says why this node is no part of the cluster, or nil. Requests that reach it
// all the same are handed on to those who are.
func (c *Coordinator) belongs(d *ring.Document) error {
	if _, member := d.Member(c.self); member {
		return nil
	}
	if slices.Contains(d.Left, c.self) {
		return fmt.Errorf("%w: this node has left the cluster and may be switched off", request.ErrNotReady)
	}
	if i := slices.IndexFunc(d.Members, func(m ring.Member) bool { return c.name != "" && m.Name == c.name }); i >= 0 {
		return fmt.Errorf("%w: this node is no member of the cluster; member %s has its name, %s: if this is that node, and lost its disk, "+
			"henge layout stage replace %s %s --expel, then henge layout apply, fills it", request.ErrNotReady, d.Members[i].ID, c.name, d.Members[i].ID, c.self)
	}
	return fmt.Errorf("%w: this node is no member of the cluster yet: henge layout stage add %s, then henge layout apply", request.ErrNotReady, cmp.Or(c.name, c.self.String()))
}

// serving says why the node cannot serve, or nil.
func (c *Coordinator) serving() error {
	switch {
	case c.draining.Load():
		return fmt.Errorf("%w: shutting down", request.ErrNotReady)
	case c.agent.Document() == nil:
		return fmt.Errorf("%w: waiting for the cluster document", request.ErrNotReady)
	}
	if err := c.store.Failed(); err != nil {
		return fmt.Errorf("%w: %w", request.ErrStoreFailed, err)
	}
	return nil
}
