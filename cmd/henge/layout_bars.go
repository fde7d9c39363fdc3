package main

import (
	"io"
	"strings"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// changeBars shows a bar for all partitions, one for each node, in bytes where they are
// known, and below them what the change waits for.
type changeBars struct {
	progress *mpb.Progress
	bars     map[ring.NodeID]*changeBar // by node; 0 is that of all partitions
	waits    *changeBar
	ended    bool
}

// changeBar is a bar and the text behind it.
type changeBar struct {
	*mpb.Bar
	text atomic.Pointer[string] // read by whoever draws
}

func newChangeBars(w io.Writer) *changeBars {
	p := &changeBars{progress: mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(barEvery)), bars: make(map[ring.NodeID]*changeBar)}
	p.waits = &changeBar{}
	p.waits.Bar = p.progress.New(1, mpb.NopStyle(), mpb.BarPriority(1<<20), mpb.PrependDecorators(p.waits.words()))
	return p
}

// words draws the bar's text.
func (b *changeBar) words() decor.Decorator {
	return decor.Any(func(decor.Statistics) string {
		if text := b.text.Load(); text != nil {
			return *text
		}
		return ""
	})
}

func (p *changeBars) see(c *request.ChangeStatus) {
	p.set(0, "partitions", output.ChangeText(c), int64(c.Phases[ring.PhaseSteady]), int64(c.Partitions))
	for _, n := range c.Nodes {
		total, done := int64(n.Partitions), int64(n.Done)
		if n.Bytes > 0 {
			total, done = n.Bytes, n.Moved
		}
		if n.Partitions > 0 {
			p.set(n.ID, n.Name, output.NodeText(n), done, total)
		}
	}
	waits := strings.Join(c.Waiting, "; ")
	p.waits.text.Store(&waits)
}

func (p *changeBars) set(id ring.NodeID, name, text string, done, total int64) {
	bar := p.bars[id]
	if bar == nil {
		bar = &changeBar{}
		bar.Bar = p.progress.AddBar(1, mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)), mpb.AppendDecorators(bar.words()))
		p.bars[id] = bar
	}
	text = " " + text
	bar.text.Store(&text)
	bar.SetTotal(max(total, 1), false)
	bar.SetCurrent(min(done, total))
}

// stop leaves the bars as they were seen last.
func (p *changeBars) stop() {
	if p.ended {
		return
	}
	p.ended = true
	p.waits.Abort(true)
	for _, bar := range p.bars {
		bar.Abort(false)
	}
	p.progress.Wait()
}
