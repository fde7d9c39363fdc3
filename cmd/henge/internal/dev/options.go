package dev

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Options say what cluster to run.
type Options struct {
	Executable string   // what to run; it must know "serve"
	Shown      string   // how the executable is written in lines to paste; empty: as it is
	Nodes      int      // 1 to MaxNodes
	Dir        string   // absolute
	Temporary  bool     // Dir is removed at the end
	BasePort   int      // the first node's HTTP port
	Pass       []string // further arguments of every serve
	StopFlag   string   // the argument that makes serve end with its standard input
	Environ    []string // of the children
	Out        io.Writer
	JSON       bool // tell what happens as JSON lines
	// StartTimeout bounds how long the cluster may take to be ready. 0 is a minute:
	// a laptop that has just woken up takes some seconds.
	StartTimeout time.Duration
	// StopTimeout bounds how long a node may take to stop before it is killed. 0 is
	// 15 seconds, above what a node takes to finish its requests.
	StopTimeout time.Duration
}

// EnsureDefaults fills what was left zero.
func (o *Options) EnsureDefaults() {
	if o.Shown == "" {
		o.Shown = o.Executable
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = time.Minute
	}
	if o.StopTimeout == 0 {
		o.StopTimeout = 15 * time.Second
	}
}

// Validate returns every problem.
func (o *Options) Validate() error {
	var problems []error
	if o.Nodes < 1 || o.Nodes > MaxNodes {
		problems = append(problems, fmt.Errorf("%d nodes: want 1 to %d", o.Nodes, MaxNodes))
	}
	if last := o.BasePort + o.Nodes*portsPerNode; o.BasePort < 1 || last > 65535 {
		problems = append(problems, fmt.Errorf("base port %d: %d nodes need the ports from there to %d, all from 1 to 65535", o.BasePort, o.Nodes, last))
	}
	if o.Executable == "" || o.Dir == "" {
		problems = append(problems, errors.New("an executable and a directory are needed"))
	}
	return errors.Join(problems...)
}
