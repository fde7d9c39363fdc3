package dev

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hengedb/henge/cmd/henge/internal/records"
)

// Event is one thing that happened, as --output json prints it.
type Event struct {
	Time   time.Time  `json:"time"`
	Event  What       `json:"event"`
	Node   string     `json:"node,omitempty"`
	PID    int        `json:"pid,omitempty"`
	Detail string     `json:"detail,omitempty"`
	Log    []string   `json:"log,omitempty"`       // the last lines of a node that died by itself
	Serve  string     `json:"serve,omitempty"`     // what starts the node again
	Nodes  []NodeInfo `json:"nodes,omitempty"`     // with Ready
	Base   int        `json:"base_port,omitempty"` // with Ready: where henge dev add and remove ask
}

// What is the kind of an event.
type What string

// The kinds of events.
const (
	Starting What = "starting"
	Ready    What = "ready"    // the whole cluster, once
	Died     What = "died"     // a process ended that nobody had stopped
	Silent   What = "silent"   // a node stopped answering, or answers that it is not ready
	Back     What = "back"     // a node that was dead or silent answers again
	Added    What = "added"    // a node that henge dev add asked for
	Removed  What = "removed"  // one that henge dev remove asked to stop
	Stopping What = "stopping" // the whole cluster
	Stopped  What = "stopped"
	Ended    What = "ended" // the whole cluster; the last event
)

// NodeInfo is a row of the table that is printed when the cluster is ready.
type NodeInfo struct {
	Name  string `json:"name"`
	PID   int    `json:"pid"`
	URL   string `json:"url"`
	Data  string `json:"data"`
	Log   string `json:"log"`
	Serve string `json:"serve"`
}

// teller prints events as they happen.
type teller struct {
	mu   sync.Mutex
	out  io.Writer
	json bool
	err  error // the first that printing met: nobody reads any more
}

// tell prints one event.
func (t *teller) tell(e Event) {
	e.Time = time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return
	}
	if t.json {
		t.err = records.Encode(t.out, e)
		return
	}
	_, t.err = io.WriteString(t.out, e.text())
}

// text words an event for a person.
func (e Event) text() string {
	var b strings.Builder
	switch e.Event {
	case Ready:
		return welcome(e.Nodes, e.Base)
	case Starting, Stopping, Ended:
		fmt.Fprintln(&b, e.Detail)
		return b.String()
	}
	fmt.Fprintf(&b, "%s  %s", e.Time.Format(time.TimeOnly), e.Node)
	if e.PID != 0 {
		fmt.Fprintf(&b, " (pid %d)", e.PID)
	}
	fmt.Fprintf(&b, " %s\n", e.Detail)
	for _, line := range e.Log {
		fmt.Fprintf(&b, "          | %s\n", line)
	}
	if e.Serve != "" {
		fmt.Fprintf(&b, "          start it again: %s\n", e.Serve)
	}
	return b.String()
}
