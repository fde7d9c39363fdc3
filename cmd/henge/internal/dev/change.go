package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// question is what somebody asks a running cluster to do.
type question struct {
	list   bool   // only tell who there is
	stop   string // the node to stop for ever; empty: add one
	answer chan answer
}

// answer is what was done.
type answer struct {
	Node  NodeInfo   `json:"node"`
	Nodes []NodeInfo `json:"nodes,omitempty"` // who there is
	Error string     `json:"error,omitempty"`
}

// change does what is asked. It runs where the cluster is watched, which alone knows its
// nodes.
func (c *cluster) change(ctx context.Context, q *question) answer {
	if q.list {
		return answer{Nodes: c.table()}
	}
	var info NodeInfo
	var err error
	if q.stop == "" {
		info, err = c.grow(ctx)
	} else {
		info, err = c.shrink(q.stop)
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Node: info}
}

// grow starts one node more, under a name that there never was.
func (c *cluster) grow(ctx context.Context) (NodeInfo, error) {
	o, i := c.o, len(c.nodes)
	o.Nodes = i + 1
	if err := o.Validate(); err != nil {
		return NodeInfo{}, err
	}
	node := planNode(o, i)
	var seeds []Node
	for j, n := range c.nodes {
		if !c.gone[j] {
			seeds = append(seeds, n)
		}
	}
	node.args = o.joinArgs(node, i, seeds)
	if err := checkPorts(ctx, []Node{node}); err != nil {
		return NodeInfo{}, err
	}
	if err := os.MkdirAll(node.Data(), 0o700); err != nil {
		return NodeInfo{}, fmt.Errorf("make the directory of %s: %w", node.Name, err)
	}
	c.o, c.nodes, c.gone = o, append(c.nodes, node), append(c.gone, false)
	if err := errors.Join(c.remember(), c.launch(ctx, i)); err != nil {
		c.gone[i] = true
		return NodeInfo{}, err
	}
	info := c.info(c.procs[i])
	c.tell(Event{Event: Added, Node: node.Name, PID: info.PID, Detail: "is started: it joins the others"})
	return info, nil
}

// shrink stops a node for ever. That it holds nothing any more is for who asks to know.
func (c *cluster) shrink(name string) (NodeInfo, error) {
	i := slices.IndexFunc(c.nodes, func(n Node) bool { return n.Name == name })
	if i < 0 || c.gone[i] {
		return NodeInfo{}, fmt.Errorf("there is no node %q in this cluster", name)
	}
	p := c.procs[i]
	info := c.info(p)
	c.gone[i] = true
	how := "was started by hand: stop it where it was started"
	if !p.gone() {
		how, _ = p.stop(c.o.StopTimeout)
	}
	c.tell(Event{Event: Removed, Node: name, PID: info.PID, Detail: how + ", and removed: its directory may be deleted: " + c.nodes[i].Dir})
	return info, c.remember()
}

// remember keeps what the next run must know.
func (c *cluster) remember() error {
	r := record{Nodes: len(c.nodes), BasePort: c.o.BasePort}
	for i, n := range c.nodes {
		if c.gone[i] {
			r.Removed = append(r.Removed, n.Name)
		}
	}
	return writeRecord(c.o.recordPath(), r)
}
