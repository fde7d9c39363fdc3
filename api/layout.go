package api

import (
	"fmt"
	"net/http"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// plan shows what the staged steps would do.
func (c *call) plan() int {
	if err := c.plainQuery(); err != nil {
		return c.fail(err)
	}
	if c.s.changer == nil {
		return c.fail(noRoute(wire.Plan))
	}
	plan, err := c.s.changer.Plan(c.r.Context())
	if err != nil {
		return c.fail(err)
	}
	return c.json(http.StatusOK, plan)
}

// changeLayout serves the verbs that answer with nothing but that they were decided.
func (c *call) changeLayout() int {
	err := c.plainQuery()
	if err == nil && c.s.changer == nil {
		err = noRoute(c.r.URL.Path)
	}
	if err == nil {
		err = c.decideLayout()
	}
	if err != nil {
		return c.fail(err)
	}
	c.noStore()
	c.w.WriteHeader(http.StatusNoContent)
	return http.StatusNoContent
}

func (c *call) decideLayout() error {
	ctx, changer := c.r.Context(), c.s.changer
	switch c.route.place {
	case placeStage:
		if c.r.Method == http.MethodPost {
			return c.stage()
		}
	case placeApply:
		return c.apply()
	case placeForce:
		return c.force()
	case placeAmend:
		return c.amend()
	}
	if err := c.document(&struct{}{}); err != nil {
		return err
	}
	switch c.route.place {
	case placeStage:
		return changer.Unstage(ctx)
	case placePause:
		return changer.PauseChange(ctx)
	case placeResume:
		return changer.ResumeChange(ctx)
	default:
		return changer.RevertChange(ctx)
	}
}

// stage adds steps.
func (c *call) stage() error {
	var body wire.Steps
	if err := c.document(&body); err != nil {
		return err
	}
	if len(body.Steps) == 0 {
		return problem.Field("steps", fmt.Errorf("%w: no step is given", request.ErrBadValue))
	}
	return c.s.changer.Stage(c.r.Context(), body.Steps)
}

// apply begins the change that a plan told.
func (c *call) apply() error {
	var body wire.Applied
	if err := c.document(&body); err != nil {
		return err
	}
	if body.Plan == "" {
		return problem.Field("plan", fmt.Errorf("%w: want the hash of the plan", request.ErrBadValue))
	}
	return c.s.changer.Apply(c.r.Context(), body.Plan)
}

// amend goes on without a node that died.
func (c *call) amend() error {
	var body wire.Amended
	if err := c.document(&body); err != nil {
		return err
	}
	if body.Without == "" {
		return problem.Field("without", fmt.Errorf("%w: no node is named", request.ErrBadValue))
	}
	return c.s.changer.AmendChange(c.r.Context(), body.Without, body.With)
}

// force gives up a lost majority.
func (c *call) force() error {
	var body wire.Forced
	if err := c.document(&body); err != nil {
		return err
	}
	if len(body.Lost) == 0 {
		return problem.Field("lost", fmt.Errorf("%w: no lost member is named", request.ErrBadValue))
	}
	if body.Yes == "" {
		return problem.Field("yes", fmt.Errorf("%w: want the id of the cluster", request.ErrBadValue))
	}
	return c.s.changer.ForceLayout(c.r.Context(), body.Lost, body.Yes)
}
