package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/jepsen/history"
	"github.com/hengedb/henge/replication/request"
)

// Workload is what clients do while faults go on. The zero value is six clients on
// eight keys.
//
// Half of the keys are careful: every write there says what it saw, by the context
// or the ETag of a read of its own, so that checkers need nobody else's word. On the
// others some writes say nothing and replace what their coordinator holds. Those go
// to replicas of the key only: such a node mints them itself and never hands them to
// another, so the context of the receipt is that of the only mint.
type Workload struct {
	Bucket  string        // empty is "default"
	Clients int           // 0 is 6
	Keys    int           // 0 is 8
	Careful bool          // all keys are: who keeps a key may change during the run
	Strict  bool          // half of the operations are
	Mortal  bool          // many writes delete, and many values expire
	Pause   time.Duration // typical, between two operations of a client; 0 is 200 ms
}

// EnsureDefaults fills in what may be left zero.
func (w *Workload) EnsureDefaults() {
	if w.Bucket == "" {
		w.Bucket = "default"
	}
	if w.Clients == 0 {
		w.Clients = 6
	}
	if w.Keys == 0 {
		w.Keys = 8
	}
	if w.Pause == 0 {
		w.Pause = 200 * time.Millisecond
	}
}

// keys lists the careful keys and then the others.
func (w *Workload) keys() (careful, careless []string) {
	for i := range w.Keys {
		if w.Careful {
			careful = append(careful, fmt.Sprintf("careful-%d", i))
		} else if i%2 == 0 {
			careful = append(careful, fmt.Sprintf("careful-%d", i/2))
		} else {
			careless = append(careless, fmt.Sprintf("careless-%d", i/2))
		}
	}
	return careful, careless
}

// Serve runs the clients until stop ends and waits for their last operations; ctx
// is the operations' own.
func (l *Lab) Serve(ctx, stop context.Context, w Workload) error {
	w.EnsureDefaults()
	replicas, err := l.replicas(ctx, w)
	if err != nil {
		return err
	}
	var clients sync.WaitGroup
	for i := range w.Clients {
		c := l.newClient(i, w.Bucket, fmt.Sprintf("s%d", i))
		clients.Go(func() {
			for c.pause(stop, w.Pause) {
				c.act(ctx, w, replicas)
			}
		})
	}
	clients.Wait()
	return nil
}

// replicas asks which nodes keep each key. Where that changes during a run, all keys
// must be careful.
func (l *Lab) replicas(ctx context.Context, w Workload) (map[string][]string, error) {
	careful, careless := w.keys()
	replicas := make(map[string][]string)
	for _, key := range append(careful, careless...) {
		e, err := l.nodes[0].Process().Explain(ctx, w.Bucket, key)
		if err != nil {
			return nil, fmt.Errorf("who keeps %s/%s: %w", w.Bucket, key, err)
		}
		for _, p := range e.Preference {
			if p.Role == request.Primary {
				replicas[key] = append(replicas[key], p.Name)
			}
		}
	}
	return replicas, nil
}

// act does one thing to one key through one node, whichever serve.
func (c *client) act(ctx context.Context, w Workload, replicas map[string][]string) {
	careful, careless := w.keys()
	n := c.someNode()
	if n == nil {
		return
	}
	if len(careless) == 0 || c.rand.IntN(2) == 0 {
		c.careful(ctx, w, n, pick(c.rand, careful))
		return
	}
	key := pick(c.rand, careless)
	if c.rand.IntN(2) == 0 || !slices.Contains(replicas[key], n.name) {
		c.careful(ctx, w, n, key)
		return
	}
	op, o := history.Op{F: history.Put, Key: key, Blind: true}, henge.WriteOptions{}
	if c.rand.IntN(5) == 0 {
		op.F = history.Delete
	} else if w.Mortal {
		c.mortal(&op, &o)
	}
	c.change(ctx, n, op, o)
}

// someNode is the client's own node most of the time, else any that serves.
func (c *client) someNode() *Node {
	nodes := c.lab.nodes
	at := c.number
	if c.rand.IntN(4) == 0 {
		at = c.rand.IntN(len(nodes))
	}
	for i := range nodes {
		if n := nodes[(at+i)%len(nodes)]; n.Serving() {
			return n
		}
	}
	return nil
}

// careful reads, or writes and says what it saw.
func (c *client) careful(ctx context.Context, w Workload, n *Node, key string) {
	what := c.rand.IntN(10)
	if what < 2 {
		o := henge.ReadOptions{R: []request.Count{1, 0, 0, 0}[c.rand.IntN(4)]}
		if o.R == 0 {
			o.Strict = c.strict(w)
		}
		c.get(ctx, n, key, o)
		return
	}
	// Mostly after a read; else with what it knew before, so that writes are
	// concurrent though nothing is broken.
	if _, knows := c.known[key]; !knows || c.rand.IntN(4) != 0 {
		if !c.get(ctx, n, key, henge.ReadOptions{Strict: c.strict(w)}) || !c.blink(ctx) || !n.Serving() {
			return
		}
	}
	saw := c.known[key]
	op := history.Op{F: history.Put, Key: key, Saw: saw.values}
	o := henge.WriteOptions{Context: saw.context, Strict: c.strict(w)}
	switch {
	case saw.context == "":
		o.IfNoneMatch = "*" // nothing was ever there: see that it is still so
	case what == 9:
		op.F = history.Delete
	case what == 8 && saw.etag != "":
		o.Context, o.IfMatch = "", saw.etag // no context, but the very values that were read
	}
	if w.Mortal && op.F == history.Put {
		c.mortal(&op, &o)
	}
	if c.change(ctx, n, op, o) {
		c.lab.Sometimes.SawIf(o.IfMatch != "", "a write with an ETag was acknowledged")
	}
}

// mortal has a put be a delete, or its value expire, often.
func (c *client) mortal(op *history.Op, o *henge.WriteOptions) {
	switch what := c.rand.IntN(10); {
	case what < 3 && o.IfNoneMatch == "":
		op.F = history.Delete
	case what < 6:
		at := time.Now().Add(time.Second + time.Duration(c.rand.Int64N(int64(longestLife)))).Truncate(time.Millisecond)
		o.ExpiresAt, op.Expires = at, at.Sub(c.lab.began)
	}
}

// longestLife is how long a value of a workload may live that expires.
const longestLife = 20 * time.Second

// strict draws whether an operation counts on the key's own replicas alone.
func (c *client) strict(w Workload) request.Switch {
	if w.Strict && c.rand.IntN(2) == 0 {
		return request.On
	}
	return 0
}
