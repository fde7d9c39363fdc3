package dev

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/hengedb/henge/cmd/henge/internal/output"
)

// The spacing of ports: a node's three lie together, and ten apart leaves the
// first one of each node easy to remember.
const (
	portsPerNode = 10
	rpcOffset    = 1
	gossipOffset = 2
	// askOffset is where the first node's ports end: there the cluster is asked to grow
	// and shrink.
	askOffset = 3
)

// MaxNodes bounds a cluster on one machine: every node is a process with a cache.
const MaxNodes = 32

// Node is one planned node.
type Node struct {
	Name   string
	Dir    string // of its data and log
	HTTP   string
	RPC    string
	Gossip string
	args   []string // of serve, without the executable
}

// URL is where the node answers.
func (n Node) URL() string { return "http://" + n.HTTP }

// Data is the directory of the node's store.
func (n Node) Data() string { return filepath.Join(n.Dir, "data") }

// Log is the file that the node's output goes to.
func (n Node) Log() string { return filepath.Join(n.Dir, "log") }

// ServeLine is the command that starts this node alone, ready to paste.
func (n Node) ServeLine(executable string) string {
	return output.CommandLine(append([]string{executable}, n.args...)...)
}

// plan lays out a cluster: the first node makes it, the others join the first.
func plan(o Options) []Node {
	nodes := make([]Node, o.Nodes)
	for i := range nodes {
		nodes[i] = planNode(o, i)
		nodes[i].args = o.serveArgs(i, nodes)
	}
	return nodes
}

// planNode lays out node i, but for its arguments.
func planNode(o Options, i int) Node {
	name := fmt.Sprintf("n%d", i+1)
	return Node{
		Name: name, Dir: filepath.Join(o.Dir, name),
		HTTP: o.address(i, 0), RPC: o.address(i, rpcOffset), Gossip: o.address(i, gossipOffset),
	}
}

// address is one of node i's; loopback only, because nothing here asks who calls.
func (o Options) address(i, offset int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(o.BasePort+i*portsPerNode+offset))
}

// serveArgs are the arguments of node i. All but the first name every node before
// them as seeds, so that one that is away does not keep a later one out.
func (o Options) serveArgs(i int, nodes []Node) []string {
	if i > 0 {
		return o.joinArgs(nodes[i], i, nodes[:i])
	}
	args := append(o.plainArgs(nodes[0], 0), "--init", "--expect", strconv.Itoa(o.Nodes), "--auto-join")
	return append(args, o.Pass...)
}

// joinArgs are the arguments of node i that joins others.
func (o Options) joinArgs(n Node, i int, seeds []Node) []string {
	args := o.plainArgs(n, i)
	for _, seed := range seeds {
		args = append(args, "--join", seed.Gossip)
	}
	return append(args, o.Pass...)
}

// plainArgs are what every node is told: where its data is, and its name and addresses.
func (o Options) plainArgs(n Node, i int) []string {
	return []string{
		"serve", "--data", n.Data(), "--name", n.Name, "--zone", fmt.Sprintf("z%d", i+1),
		"--http", n.HTTP, "--rpc", n.RPC, "--gossip", n.Gossip,
	}
}
