package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// pollEvery is how often a change is looked at: a person watches, and every look costs
// a small question to each member.
const pollEvery = 500 * time.Millisecond

func (a *app) layoutWaitCommand() *cobra.Command {
	var f target
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Show how far the change in flight is, until it is complete",
		Long: `Shows how far the change in flight is until it is complete, as layout apply --wait does. It
ends at once where none is; ending the command does not end the change. With --output json
the layout at the end is printed.`,
		Example: `  henge layout wait`,
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			layout, err := c.Layout(cmd.Context())
			if err != nil {
				return asRead(fmt.Errorf("layout: %w", err))
			}
			done := "no change is in flight"
			if layout.Change != nil {
				if layout, done, err = a.layoutWait(cmd.Context(), c, 0, layout.Change.Steps); err != nil {
					return err
				}
			}
			return a.printer().Result(layout, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, done)
				return err
			})
		},
	}
	f.add(cmd)
	return cmd
}

// layoutWait shows how far a change is until it is complete: the one of these steps
// that was applied to a version of the document. It outlives answers that do not come:
// the node that is asked may be the one that goes. It returns the layout at the end, and
// what is so then in words.
func (a *app) layoutWait(ctx context.Context, c *client.Client, from uint64, steps []request.LayoutStep) (request.Layout, string, error) {
	show := a.changeProgress()
	defer show.stop()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		layout, err := c.LayoutProgress(ctx)
		switch {
		case err == nil && layout.Document.Version <= from: // it has not heard of the change yet
		case err == nil && layout.Change == nil:
			return layout, completed(layout, steps), nil
		case err == nil:
			steps = layout.Change.Steps // it may be amended
			show.see(layout.Change)
		case ctx.Err() != nil:
			return layout, "", fmt.Errorf("the change goes on without this command: %w", context.Cause(ctx))
		}
		select {
		case <-ctx.Done():
			return layout, "", fmt.Errorf("the change goes on without this command: %w", context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// completed says what has become of the steps of a change that is over: it may have
// been taken back.
func completed(l request.Layout, steps []request.LayoutStep) string {
	member := func(name string) bool {
		return slices.ContainsFunc(l.Nodes, func(n request.LayoutNode) bool { return n.Name == name || n.ID.String() == name })
	}
	var told []string
	comes := func(name string) {
		if member(name) {
			told = append(told, name+" is in use")
		} else {
			told = append(told, name+" was not taken in")
		}
	}
	for _, s := range steps {
		switch s.Verb {
		case ring.VerbAdd:
			comes(s.Node)
		case ring.VerbRemove, ring.VerbReplace:
			switch {
			case member(s.Node):
				told = append(told, s.Node+" is a member still")
			case s.Expel:
				told = append(told, s.Node+" is refused for ever")
			default:
				told = append(told, s.Node+" may be switched off")
			}
			if s.With != "" {
				comes(s.With)
			}
		case ring.VerbSet:
		}
	}
	text := fmt.Sprintf("complete: document %d", l.Document.Version)
	if len(told) > 0 {
		text += "; " + strings.Join(told, ", ")
	}
	return text
}

// changeProgress shows a change on standard error.
type changeProgress interface {
	see(c *request.ChangeStatus)
	stop() // may be called again
}

// changeProgress shows bars on a terminal, and lines now and then elsewhere.
func (a *app) changeProgress() changeProgress {
	if isTerminal(a.std.err) {
		return newChangeBars(a.std.err)
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
	lines := append([]string{output.ChangeText(c)}, c.Waiting...)
	for _, n := range c.Nodes {
		if n.Partitions > 0 || n.Silent {
			lines = append(lines, n.Name+": "+output.NodeText(n))
		}
	}
	text := strings.Join(lines, "\n  ")
	if text == p.text || time.Since(p.last) < lineEvery {
		return
	}
	p.a.tell("%s", text)
	p.last, p.text = time.Now(), text
}

func (*changeLines) stop() {}
