//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say what cluster to start. Dir must be set.
type Options struct {
	Binary string   // of the command; empty builds it into Dir
	Nodes  int      // 0 is three
	Room   int      // for nodes that a test may add; 0 is one
	Dir    string   // of data and logs; must be empty, or hold only mount points for data
	Args   []string // further arguments of every node
}

// settings begins the environment variables that set flags. Nodes get none: what a
// node is told stands in its command line, all of it.
const settings = "HENGE_"

// patience bounds a start and a stop: far above what either takes on a busy machine.
const patience = time.Minute

// Cluster is a set of nodes. Its methods may be called by several goroutines, as long
// as each node is broken by one at a time.
type Cluster struct {
	o      Options
	base   int
	nodes  []*Node
	others []*Node // laid out by Another
	http   *http.Client
}

// Start starts a new cluster and waits until every node is ready.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.Room == 0 {
		o.Room = 1
	}
	var err error
	if o.Binary == "" {
		if o.Binary, err = Build(ctx, o.Dir); err != nil {
			return nil, err
		}
	}
	base, err := FreePorts(ctx, o.Nodes+o.Room)
	if err != nil {
		return nil, err
	}
	c := &Cluster{o: o, base: base, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	for i := range o.Nodes {
		n, err := c.plan(i)
		if err != nil {
			return nil, err
		}
		c.nodes = append(c.nodes, n)
	}
	if err := c.Restart(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// plan lays out node i. All but the first join those before them.
func (c *Cluster) plan(i int) (*Node, error) {
	n, err := c.node(i)
	if err != nil {
		return nil, err
	}
	if i == 0 {
		n.args = append(n.args, "--init", "--expect", strconv.Itoa(c.o.Nodes))
	}
	for _, seed := range c.nodes {
		n.args = append(n.args, "--join", seed.gossip)
	}
	n.args = append(n.args, c.o.Args...)
	return n, nil
}

// Another lays out one more node that would join the cluster, and does not start it.
// There are at most Options.Room of them.
func (c *Cluster) Another() (*Node, error) {
	if len(c.others) == c.o.Room {
		return nil, fmt.Errorf("there is room for %d more nodes", c.o.Room)
	}
	n, err := c.plan(c.o.Nodes + len(c.others))
	if err == nil {
		c.others = append(c.others, n)
	}
	return n, err
}

// Nodes are the nodes that the cluster began with.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Restart starts every node that does not run, all at once, and waits until each is
// ready.
func (c *Cluster) Restart(ctx context.Context) error {
	return c.each(func(n *Node) error {
		if n.Running() {
			return nil
		}
		return n.Start(ctx)
	})
}

// Kill kills every node at once.
func (c *Cluster) Kill() error { return c.each((*Node).Kill) }

// each calls f for every node at once.
func (c *Cluster) each(f func(*Node) error) error {
	errs := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		wg.Go(func() { errs[i] = f(n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// HintsOwed sums the hints that the nodes keep. A node that does not answer is an
// error: what it owes is not known.
func (c *Cluster) HintsOwed(ctx context.Context) (int64, error) {
	var sum int64
	for _, n := range c.nodes {
		s, err := n.Status(ctx)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", n.Name, err)
		}
		sum += s.Hints.Count
	}
	return sum, nil
}

// Command makes a run of the command that speaks to the cluster, through any node.
func (c *Cluster) Command(ctx context.Context, args ...string) *exec.Cmd {
	var urls []string
	for _, n := range c.nodes {
		urls = append(urls, n.URL)
	}
	cmd := exec.CommandContext(ctx, c.o.Binary, args...) //nolint:gosec // what was built
	cmd.Env = append(environ(), settings+"URL="+strings.Join(urls, ","))
	return cmd
}

// Close kills what still runs. A cluster that is to end well is stopped before.
func (c *Cluster) Close() error {
	errs := []error{c.Kill()}
	for _, n := range c.others {
		errs = append(errs, n.Kill())
	}
	return errors.Join(errs...)
}

// environ is this process's environment without settings of the command.
func environ() []string {
	var kept []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, settings) {
			kept = append(kept, entry)
		}
	}
	return kept
}
