package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// pollEvery is how often a change is looked at: a person watches, and every look costs
// one small answer.
const pollEvery = 500 * time.Millisecond

// layoutWait shows how far a change is until it is complete. It outlives answers that
// do not come: the node that is asked may be the one that goes.
// It says what is so then.
func (a *app) layoutWait(ctx context.Context, c *client.Client, plan request.Plan) (string, error) {
	show := a.changeProgress()
	defer show.stop()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		layout, err := c.Layout(ctx)
		switch {
		case err == nil && layout.Document.Version <= plan.Document.Version: // it has not heard of the change yet
		case err == nil && layout.Change == nil:
			return completed(layout, plan), nil
		case err == nil:
			show.see(layout.Change)
		case ctx.Err() != nil:
			return "", fmt.Errorf("the change goes on without this command: %w", context.Cause(ctx))
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the change goes on without this command: %w", context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// completed says what is so at the end of a change.
func completed(l request.Layout, plan request.Plan) string {
	var may []string
	for _, n := range plan.Nodes {
		switch {
		case n.Going == ring.Leaves:
			may = append(may, n.Name+" may be switched off")
		case n.Going == ring.Expelled:
			may = append(may, n.Name+" is refused for ever")
		case n.Before == 0 && n.After > 0:
			may = append(may, n.Name+" is in use")
		}
	}
	text := fmt.Sprintf("complete: document %d", l.Document.Version)
	if len(may) > 0 {
		text += "; " + strings.Join(may, ", ")
	}
	return text
}

// changeProgress shows a change on standard error.
type changeProgress interface {
	see(c *request.ChangeStatus)
	stop() // may be called again
}

// changeProgress shows bars on a terminal, and a line now and then elsewhere.
func (a *app) changeProgress() changeProgress {
	if isTerminal(a.std.err) {
		return &changeBars{progress: mpb.New(mpb.WithOutput(a.std.err), mpb.WithRefreshRate(barEvery)), bars: make(map[ring.NodeID]*mpb.Bar)}
	}
	return &changeLines{a: a}
}

// changeLines tells a change in lines.
type changeLines struct {
	a    *app
	last time.Time
	text string
}

func (p *changeLines) see(c *request.ChangeStatus) {
	text := changeText(c)
	if text == p.text || time.Since(p.last) < lineEvery {
		return
	}
	p.a.tell("%s", text)
	p.last, p.text = time.Now(), text
}

func (*changeLines) stop() {}

// changeText words how far a change is.
func changeText(c *request.ChangeStatus) string {
	parts := []string{fmt.Sprintf("%d of %d partitions done", c.Phases[ring.PhaseSteady], c.Partitions)}
	for _, phase := range []ring.Phase{ring.PhaseWait, ring.PhaseCopy, ring.PhaseSwitch, ring.PhaseDrop} {
		if n := c.Phases[phase]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d in %s", n, phase))
		}
	}
	text := strings.Join(parts, ", ")
	if c.Paused {
		text += "; paused"
	}
	if len(c.Waiting) > 0 {
		text += "; waits: " + strings.Join(c.Waiting, ", ")
	}
	return text
}

// changeBars shows a bar for each node: bytes where they are known, else partitions.
type changeBars struct {
	progress *mpb.Progress
	bars     map[ring.NodeID]*mpb.Bar // by node; 0 is that of all partitions
	ended    bool
}

func (p *changeBars) see(c *request.ChangeStatus) {
	all := request.ChangeNode{Name: "partitions", Partitions: c.Partitions, Done: c.Phases[ring.PhaseSteady]}
	for _, n := range append([]request.ChangeNode{all}, c.Nodes...) {
		total, done := int64(n.Partitions), int64(n.Done)
		if n.Bytes > 0 {
			total, done = n.Bytes, n.Moved
		}
		bar := p.bars[n.ID]
		if bar == nil {
			bar = p.bar(n)
			p.bars[n.ID] = bar
		}
		bar.SetTotal(max(total, 1), false)
		bar.EwmaSetCurrent(min(done, total), pollEvery)
	}
}

func (p *changeBars) bar(n request.ChangeNode) *mpb.Bar {
	counters, speed := decor.CountersNoUnit("%d / %d", decor.WCSyncSpace), decor.EwmaSpeed(0, "%.1f/s", 20, decor.WCSyncSpace)
	if n.Bytes > 0 {
		counters = decor.CountersKibiByte("% .1f / % .1f", decor.WCSyncSpace)
		speed = decor.EwmaSpeed(decor.SizeB1024(0), "% .1f", 20, decor.WCSyncSpace)
	}
	return p.progress.AddBar(1,
		mpb.PrependDecorators(decor.Name(n.Name, decor.WCSyncSpaceR)),
		mpb.AppendDecorators(counters, speed, decor.EwmaETA(decor.ET_STYLE_GO, 20, decor.WCSyncSpace)))
}

// stop leaves the bars as they were seen last.
func (p *changeBars) stop() {
	if p.ended {
		return
	}
	p.ended = true
	for _, bar := range p.bars {
		bar.Abort(false)
	}
	p.progress.Wait()
}
