package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hengedb/henge/jepsen/history"
)

// Options say what a lab is made of. The zero value is five nodes, of which three
// keep each key.
type Options struct {
	Nodes    int           // 0 is 5
	Replicas int           // 0 is 3
	Spares   int           // further machines, off until a change adds them
	Seed     uint64        // of everything that is left to chance
	Detect   time.Duration // how soon the membership notices a death, at the earliest; 0 is 5 s
	Forget   Forget        // how fast what is deleted is removed
	Skew     time.Duration // each start of a node has its clock off by at most this
	Logger   *slog.Logger  // of the nodes; nil discards
}

// EnsureDefaults fills in what may be left zero.
func (o *Options) EnsureDefaults() {
	if o.Nodes == 0 {
		o.Nodes = 5
	}
	if o.Replicas == 0 {
		o.Replicas = 3
	}
	if o.Detect == 0 {
		o.Detect = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Validate tells everything that is wrong.
func (o *Options) Validate() error {
	var errs []error
	if o.Nodes < 1 || o.Spares < 0 || o.Nodes+o.Spares > 32 {
		errs = append(errs, fmt.Errorf("nodes %d and spares %d: want 1 to 32 in all", o.Nodes, o.Spares))
	}
	if o.Replicas < 1 {
		errs = append(errs, fmt.Errorf("replicas %d: want at least 1", o.Replicas))
	}
	if o.Detect < 0 || o.Skew < 0 {
		errs = append(errs, fmt.Errorf("detect %v, skew %v: want none below 0", o.Detect, o.Skew))
	}
	return errors.Join(errs...)
}

// Lab is a running cluster with the means to break it. It must be used inside a
// testing/synctest bubble, and closed before the bubble ends.
type Lab struct {
	Net       *Network
	Table     *Table
	History   *history.Recorder
	Sometimes *Sometimes

	o     Options
	began time.Time
	nodes []*Node
	turn  chan struct{} // held by the one layout change that is at work
	life  context.Context
	end   context.CancelFunc // of operators at work

	mu     sync.Mutex     // guards rough and smooth
	rough  bool           // some link is slow or lossy: no promise about time holds
	smooth time.Time      // when that ended
	ending sync.WaitGroup // of killed processes that are still being taken down
	faults sync.Mutex     // guards leaks
	leaks  []error
}

// formWithin bounds how long a cluster may take to form, in virtual time.
const formWithin = time.Minute

// Open starts the nodes, n1 first, and returns once all of them serve.
func Open(ctx context.Context, o Options) (*Lab, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("lab options: %w", err)
	}
	l := &Lab{Net: NewNetwork(o.Seed), History: &history.Recorder{}, Sometimes: &Sometimes{}, o: o, began: time.Now(), turn: make(chan struct{}, 1)}
	l.life, l.end = context.WithCancel(ctx)
	l.Table = NewTable(l.Net, o.Seed, o.Detect)
	for i := range o.Nodes + o.Spares {
		l.nodes = append(l.nodes, newNode(l, i))
	}
	ctx, cancel := context.WithTimeout(ctx, formWithin)
	defer cancel()
	for _, n := range l.nodes[:o.Nodes] {
		if err := n.Start(ctx); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	for _, n := range l.nodes[:o.Nodes] {
		if err := n.AwaitReady(ctx); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// Nodes lists the nodes, dead ones and spares included: n1, n2, and so on.
func (l *Lab) Nodes() []*Node { return l.nodes }

// Members lists the nodes that are part of the cluster, dead ones included: those it
// began with and those that were added, without those that went.
func (l *Lab) Members() []*Node {
	return slices.DeleteFunc(slices.Clone(l.nodes), func(n *Node) bool { return !n.isMember() })
}

// Node finds a node by its name; nil when there is none.
func (l *Lab) Node(name string) *Node {
	for _, n := range l.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// Names lists the names of all nodes.
func (l *Lab) Names() []string {
	list := make([]string, len(l.nodes))
	for i, n := range l.nodes {
		list[i] = n.name
	}
	return list
}

// Now is the time since the lab was opened.
func (l *Lab) Now() time.Duration { return time.Since(l.began) }

// Close stops every node and waits for all that runs.
func (l *Lab) Close() error {
	l.end()
	for _, n := range l.nodes {
		n.stop()
	}
	l.ending.Wait()
	l.faults.Lock()
	defer l.faults.Unlock()
	return errors.Join(l.leaks...)
}

// settled is how long nodes must hear each other before anything is expected of
// it: what a cut held up may take slowest to flow again, and a node that was away is
// probed up to every second.
const settled = slowest + 3*time.Second

// Side is how many serving nodes hear each other around one, itself included,
// counting only those that did so for a while; 0 when that is unclear, because they
// do not all hear each other, because links are slow, or because it has lost memory.
func (l *Lab) Side(n *Node) int {
	l.mu.Lock()
	rough := l.rough || time.Since(l.smooth) < settled
	l.mu.Unlock()
	if rough || !n.Serving() || n.hasForgotten() {
		return 0
	}
	var side []*Node
	for _, other := range l.nodes {
		if other == n || (other.servingSince(settled) && l.good(n, other) && !other.hasForgotten()) {
			side = append(side, other)
		}
	}
	for i, a := range side {
		for _, b := range side[i+1:] {
			if !l.good(a, b) {
				return 0
			}
		}
	}
	return len(side)
}

func (l *Lab) good(a, b *Node) bool {
	since, ok := l.Net.Good(a.name, b.name)
	return ok && time.Since(since) >= settled
}

// Fault records what is done to the cluster.
func (l *Lab) Fault(format string, args ...any) {
	l.History.Add(history.Op{
		Process: history.NoProcess, Type: history.Info, F: history.Fault, Value: fmt.Sprintf(format, args...), T: l.Now(),
	})
}
