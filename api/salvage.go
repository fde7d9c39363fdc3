package api

import (
	"context"
	"net/http"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// salvage lists what this node has set aside.
func (c *call) salvage() int {
	err := c.plainQuery()
	if err == nil && c.s.salvager == nil {
		err = noRoute(wire.Salvage)
	}
	if err != nil {
		return c.fail(err)
	}
	return c.listSalvage()
}

func (c *call) listSalvage() int {
	s, err := c.s.salvager.Salvage()
	if err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, s)
}

// salvageSet does something with a set that was set aside.
func (c *call) salvageSet() int {
	err := c.plainQuery()
	if err == nil && c.s.salvager == nil {
		err = noRoute(wire.Salvage)
	}
	if err != nil {
		return c.fail(err)
	}
	switch c.route.place {
	case placeLacking:
		return c.lookThrough(c.s.salvager.Lacking)
	case placeRestore:
		return c.lookThrough(c.s.salvager.RestoreSet)
	case placeDiscard:
		var body wire.Discarded
		if err = c.document(&body); err == nil {
			err = c.s.salvager.DiscardSet(c.r.Context(), body.Set)
		}
	default:
		var body wire.Opened
		if err = c.document(&body); err == nil {
			err = c.s.salvager.OpenFenced(c.r.Context(), body.Partition)
		}
	}
	if err != nil {
		return c.fail(err)
	}
	return c.listSalvage()
}

// lookThrough compares a part of a set with what the replicas have.
func (c *call) lookThrough(look func(context.Context, request.SalvageOptions) (request.Salvaged, error)) int {
	var o request.SalvageOptions
	err := c.document(&o)
	if err != nil {
		return c.fail(err)
	}
	found, err := look(c.r.Context(), o)
	if err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, wire.SalvagedOf(found))
}
