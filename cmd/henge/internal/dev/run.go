package dev

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

// logLines is how much of a log is shown when a node died by itself.
const logLines = 8

// cluster is a running one.
type cluster struct {
	o     Options
	tell  func(Event)
	nodes []Node
	procs []*process
	gone  []bool         // by index: removed, and no part of it any more
	ended chan int       // indexes of children that are gone; room for all
	asked chan *question // of henge dev add and remove
	http  *http.Client
	wg    sync.WaitGroup
}

// Run starts a cluster, tells what happens to it, and stops it when ctx ends.
// It returns nil after a clean stop. A caller in a hurry may leave without waiting
// for it: the children end with the process.
func Run(ctx context.Context, o Options) error {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return exit.With(exit.Usage, err)
	}
	teller := &teller{out: o.Out, json: o.JSON}
	c := &cluster{
		o: o, tell: teller.tell, nodes: plan(o), ended: make(chan int, MaxNodes), asked: make(chan *question),
		http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	if err := checkPorts(ctx, c.nodes); err != nil {
		return err
	}
	removed, err := prepare(o, c.nodes)
	if err != nil {
		return err
	}
	for _, n := range c.nodes {
		c.gone = append(c.gone, slices.Contains(removed, n.Name))
	}
	hearing, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer hearing()
	c.tell(Event{Event: Starting, Detail: fmt.Sprintf("starting %d nodes in %s", o.Nodes, c.where())})
	err = c.start(ctx)
	if err == nil {
		c.tell(Event{Event: Ready, Nodes: c.table(), Base: o.BasePort})
		c.watch(ctx)
	}
	return errors.Join(err, c.stop(context.WithoutCancel(ctx), err))
}

// where names the directory, and what becomes of it.
func (c *cluster) where() string {
	if c.o.Temporary {
		return c.o.Dir + " (removed at the end; --dir keeps it)"
	}
	return c.o.Dir
}

// start runs every node and waits until all are ready.
func (c *cluster) start(ctx context.Context) error {
	for i := range c.nodes {
		if err := c.launch(ctx, i); err != nil {
			return err
		}
	}
	timeout := fmt.Errorf("the cluster was not ready within %s", c.o.StartTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, c.o.StartTimeout, timeout)
	defer cancel()
	for i, n := range c.nodes {
		if c.gone[i] {
			continue
		}
		if err := c.await(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// launch runs node i, unless it was removed.
func (c *cluster) launch(ctx context.Context, i int) error {
	c.procs = append(c.procs, nil)
	if c.gone[i] {
		return nil
	}
	p, err := start(ctx, c.o, c.nodes[i])
	if err != nil {
		return err
	}
	c.procs[i] = p
	c.wg.Go(func() {
		p.wait()
		c.ended <- i
	})
	return nil
}

// await returns when n is ready. A child that ends meanwhile ends the wait, with
// its own last words and exit code.
func (c *cluster) await(ctx context.Context, n Node) error {
	ticker := time.NewTicker(probeEvery / 5)
	defer ticker.Stop()
	for {
		err := probe(ctx, c.http, n.URL())
		if err == nil {
			return nil
		}
		select {
		case i := <-c.ended:
			return c.stillborn(c.procs[i])
		case <-ctx.Done():
			if cause := context.Cause(ctx); errors.Is(cause, exit.ErrInterrupted) {
				return cause
			}
			return fmt.Errorf("%w: %s: %w\n%s", context.Cause(ctx), n.Name, err, strings.Join(n.tail(logLines), "\n"))
		case <-ticker.C:
		}
	}
}

// stillborn is the error of a child that ended before it was ready.
func (c *cluster) stillborn(p *process) error {
	how, _ := p.ending()
	err := fmt.Errorf("%s %s\n%s", p.node.Name, how, strings.Join(p.node.tail(logLines), "\n"))
	if code := p.cmd.ProcessState.ExitCode(); code > 0 {
		return exit.With(exit.Code(code), err)
	}
	return err
}

// table describes the running nodes.
func (c *cluster) table() []NodeInfo {
	var rows []NodeInfo
	for i, p := range c.procs {
		if p != nil && !c.gone[i] {
			rows = append(rows, c.info(p))
		}
	}
	return rows
}

// info describes one running node.
func (c *cluster) info(p *process) NodeInfo {
	n := p.node
	return NodeInfo{Name: n.Name, PID: p.cmd.Process.Pid, URL: n.URL(), Data: n.Data(), Log: n.Log(), Serve: n.ServeLine(c.o.Shown)}
}

// watch tells about deaths and recoveries until ctx ends.
func (c *cluster) watch(ctx context.Context) {
	var seen []watched
	for range c.nodes {
		seen = append(seen, watched{health: up})
	}
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case i := <-c.ended:
			if !c.gone[i] {
				c.obituary(c.procs[i])
				seen[i].died(time.Now())
			}
		case q := <-c.asked:
			q.answer <- c.change(ctx, q)
			for len(seen) < len(c.nodes) {
				seen = append(seen, watched{})
			}
		case <-ticker.C:
			c.look(ctx, seen)
		}
	}
}

// obituary tells that a child ended by itself or by another's hand.
func (c *cluster) obituary(p *process) {
	how, clean := p.ending()
	event := Event{Event: Died, Node: p.node.Name, PID: p.cmd.Process.Pid, Detail: how, Serve: p.node.ServeLine(c.o.Shown)}
	if exited := p.cmd.ProcessState.Exited(); exited && !clean {
		event.Log = p.node.tail(logLines) // a killed one had no time for last words
	}
	c.tell(event)
}

// look asks every node at once whether it serves, and tells what changed.
func (c *cluster) look(ctx context.Context, seen []watched) {
	answers := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		if !c.gone[i] {
			wg.Go(func() { answers[i] = probe(ctx, c.http, n.URL()) })
		}
	}
	wg.Wait()
	if ctx.Err() != nil {
		return // the answers say only that we stopped listening
	}
	for i, n := range c.nodes {
		if c.gone[i] {
			continue
		}
		what, detail := seen[i].saw(answers[i], time.Now())
		if what == "" {
			continue
		}
		event := Event{Event: what, Node: n.Name, Detail: detail}
		if p := c.procs[i]; !p.gone() {
			event.PID = p.cmd.Process.Pid
		}
		c.tell(event)
	}
}

// stop ends the nodes, last first, so that the one that others joined through is
// there longest. cause is why; nil is a person's wish.
func (c *cluster) stop(ctx context.Context, cause error) error {
	c.tell(Event{Event: Stopping, Detail: "\nstopping"})
	var problems []error
	keep := !c.o.Temporary
	for i, p := range slices.Backward(c.procs) {
		if p == nil || c.gone[i] {
			continue
		}
		if p.gone() {
			keep = c.leave(ctx, p) || keep
			continue
		}
		how, clean := p.stop(c.o.StopTimeout)
		if !clean && cause == nil {
			problems = append(problems, fmt.Errorf("%s (pid %d) %s", p.node.Name, p.cmd.Process.Pid, how))
		}
		c.tell(Event{Event: Stopped, Node: p.node.Name, PID: p.cmd.Process.Pid, Detail: how})
	}
	c.wg.Wait()
	c.http.CloseIdleConnections()
	return errors.Join(append(problems, c.tidy(keep))...)
}

// leave tells about a node whose child is gone: when it answers, a person started
// it, and it is theirs to stop. It reports whether it still runs.
func (c *cluster) leave(ctx context.Context, p *process) bool {
	if probe(ctx, c.http, p.node.URL()) != nil {
		return false
	}
	c.tell(Event{Event: Stopped, Node: p.node.Name, Detail: "was started by hand and goes on: stop it where it was started"})
	return true
}

// tidy removes a temporary directory that nobody uses any more.
func (c *cluster) tidy(keep bool) error {
	if keep {
		c.tell(Event{Event: Ended, Detail: "stopped; the data stays in " + c.o.Dir})
		return nil
	}
	if err := os.RemoveAll(c.o.Dir); err != nil {
		return fmt.Errorf("remove the temporary directory: %w", err)
	}
	c.tell(Event{Event: Ended, Detail: "stopped; " + c.o.Dir + " is removed"})
	return nil
}
