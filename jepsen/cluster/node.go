//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/replication/request"
)

// Node is one node: a place that stays, and at most one process at a time.
type Node struct {
	Name string
	URL  string // where it answers
	Data string // the directory of its store
	Log  string // the file that its processes log to

	binary string
	gossip string
	args   []string // of the command
	http   *http.Client
	proc   *process // nil: none was started, or the last one was seen to end
}

// node makes node i, with its directories.
func (c *Cluster) node(i int) (*Node, error) {
	name := fmt.Sprintf("n%d", i+1)
	dir := filepath.Join(c.o.Dir, name)
	n := &Node{
		Name: name, Data: filepath.Join(dir, "data"), Log: filepath.Join(dir, "log"),
		URL: "http://" + c.address(i, 0), gossip: c.address(i, gossipOffset),
		binary: c.o.Binary, http: c.http,
	}
	n.args = []string{
		"serve", "--data", n.Data, "--name", n.Name, "--zone", fmt.Sprintf("z%d", i+1), "--local-gossip",
		"--http", c.address(i, 0), "--rpc", c.address(i, rpcOffset), "--gossip", n.gossip, "--stop-at-eof",
	}
	return n, os.MkdirAll(n.Data, 0o700)
}

// address is one of node i's.
func (c *Cluster) address(i, offset int) string { return loopback(c.base + i*portsPerNode + offset) }

// Running reports whether the node has a process, paused or not.
func (n *Node) Running() bool { return n.proc != nil && !n.proc.gone() }

// PID is the process's id, 0 when there is none.
func (n *Node) PID() int {
	if !n.Running() {
		return 0
	}
	return n.proc.cmd.Process.Pid
}

// Launch starts a process and waits for nothing.
func (n *Node) Launch(ctx context.Context) (err error) {
	if n.Running() {
		return fmt.Errorf("%s runs already", n.Name)
	}
	n.proc, err = start(ctx, n)
	return err
}

// Start starts a process with the same flags as ever, and waits until it is ready.
func (n *Node) Start(ctx context.Context) error {
	if err := n.Launch(ctx); err != nil {
		return err
	}
	return n.Ready(ctx)
}

// Ready waits until the node says that it is. A process that ends instead is an
// error that tells its last words.
func (n *Node) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := n.probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-n.proc.done:
			return fmt.Errorf("%s ended before it was ready: %s\n%s", n.Name, n.proc.cmd.ProcessState, n.tail(8))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w; %w\n%s", n.Name, err, ctx.Err(), n.tail(8))
		case <-ticker.C:
		}
	}
}

// probe asks whether the node is ready.
func (n *Node) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := n.http.Do(r)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = errors.New("/readyz answers " + response.Status)
	}
	return errors.Join(err, response.Body.Close())
}

// Status asks this node, and no other, how it sees the cluster.
func (n *Node) Status(ctx context.Context) (request.Status, error) {
	c, err := client.New(client.Options{URLs: []string{n.URL}, Pinned: true})
	if err != nil {
		return request.Status{}, err
	}
	s, err := c.Status(ctx)
	return s, errors.Join(err, c.Close())
}

// Kill ends the process at once, paused or not; without one it does nothing.
func (n *Node) Kill() error {
	if !n.Running() {
		return nil
	}
	if err := n.proc.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-n.proc.done
	return nil
}

// Pause stops the process where it is, as a machine does that swaps or sleeps. When it
// returns, nothing of the process runs.
func (n *Node) Pause() error {
	if err := n.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return n.proc.stopped()
}

// Resume lets a paused process go on.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

// Terminate asks the process to drain and end, and does not wait.
func (n *Node) Terminate() error { return n.signal(syscall.SIGTERM) }

// Stop asks the process to drain, and waits until it has ended well.
func (n *Node) Stop(ctx context.Context) error {
	if err := n.Terminate(); err != nil {
		return err
	}
	state, err := n.Wait(ctx)
	if err == nil && !state.Success() {
		err = fmt.Errorf("%s ended with %s", n.Name, state)
	}
	return err
}

// Wait waits until the process has ended, and returns how.
func (n *Node) Wait(ctx context.Context) (*os.ProcessState, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-n.proc.done:
		return n.proc.cmd.ProcessState, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s does not end: %w", n.Name, ctx.Err())
	}
}

func (n *Node) signal(sig syscall.Signal) error {
	if !n.Running() {
		return fmt.Errorf("%s does not run", n.Name)
	}
	return n.proc.signal(sig)
}
