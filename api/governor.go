package api

import (
	"net/http"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// governor shows this node's governor, or changes what is given of it.
func (c *call) governor() int {
	err := c.plainQuery()
	if err == nil && c.s.governed == nil {
		err = noRoute(wire.NodeGovernor)
	}
	if err != nil {
		return c.fail(err)
	}
	if c.reads() {
		return c.json(http.StatusOK, c.s.governed.GovernorStatus())
	}
	var change request.Govern
	if err := c.document(&change); err != nil {
		return c.fail(err)
	}
	status, err := c.s.governed.Govern(change)
	if err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, status)
}
