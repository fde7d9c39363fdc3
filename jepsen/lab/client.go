package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/jepsen/history"
	"github.com/hengedb/henge/replication/request"
)

// client is one process of a history: it asks one thing at a time.
type client struct {
	lab     *Lab
	number  int
	session string
	bucket  string
	rand    *rand.Rand
	next    int // of its values
	known   map[string]known
}

// known is what a client last learnt of a key: with it a write says what it saw.
type known struct {
	context request.Context
	etag    string
	values  []string
}

func (l *Lab) newClient(number int, bucket, session string) *client {
	return &client{
		lab: l, number: number, session: session, bucket: bucket, known: make(map[string]known),
		rand: rand.New(rand.NewPCG(l.o.Seed, chance(text("client"), uint64(number)))),
	}
}

// unique names a write: who made it, and its how-manieth it is.
func (c *client) unique() string {
	c.next++
	return fmt.Sprintf("%d-%d", c.number, c.next)
}

// begin records what is asked. The returned operation is the completion, to be
// filled in.
func (c *client) begin(n *Node, op history.Op) history.Op {
	op.Process, op.Type, op.Bucket, op.Session = c.number, history.Invoke, c.bucket, c.session
	op.Node, op.Side, op.T, op.Limit = n.name, c.lab.Side(n), c.lab.Now(), request.DefaultTimeout
	return c.lab.History.Add(op)
}

// end records what was told. Nobody hears a node that died meanwhile.
func (c *client) end(n *Node, asked *henge.Node, op history.Op, err error) bool {
	op.T, op.Side, op.Type = c.lab.Now(), c.lab.Side(n), history.OK
	if err != nil {
		c.lab.o.Logger.Debug("request failed", slog.String("node", n.name), slog.String("key", op.Key), slog.String("error", err.Error()))
		op.Err, op.Outcome, op.Type = codeOf(err), string(request.OutcomeOf(err)), history.Info
		if op.Outcome == string(request.None) {
			op.Type = history.Fail
		}
	}
	if !n.Alive(asked) {
		op.Err, op.Outcome, op.Type, op.Side = "killed", "", history.Info, 0
		op.Values, op.Dots, op.Dot, op.Covers = nil, nil, "", nil
	}
	c.lab.History.Add(op)
	return op.Type == history.OK
}

// codeOf names a failure. A precondition that did not hold is the client's doing,
// also where an earlier coordinator leaves the outcome open.
func codeOf(err error) string {
	if errors.Is(err, request.ErrPrecondition) {
		err = request.ErrPrecondition
	}
	return request.CodeOf(err)
}

// get reads a key and remembers what it saw.
func (c *client) get(ctx context.Context, n *Node, key string, o henge.ReadOptions) bool {
	node := n.Process()
	op := c.begin(n, history.Op{F: history.Get, Key: key, Strict: o.Strict == request.On})
	value, err := node.Bucket(c.bucket).Get(ctx, key, o)
	if errors.Is(err, henge.ErrNotFound) {
		err = nil
	}
	op.Values, op.Dots = shown(value)
	if !c.end(n, node, op, err) {
		return false
	}
	c.known[key] = known{value.Context, value.ETag, op.Values}
	c.lab.Sometimes.SawIf(len(op.Values) > 1, "a read showed siblings")
	c.lab.Sometimes.SawIf(len(op.Values) > 0 && value.Answers.Primary == 0, "a read rested on fallbacks alone")
	return true
}

// shown are the values of a read with their dots, in the order of values: the order
// of dots says nothing to a client.
func shown(v henge.Value) (values, dots []string) {
	siblings := slices.Clone(v.Siblings)
	slices.SortFunc(siblings, func(a, b henge.Sibling) int { return slices.Compare(a.Data, b.Data) })
	for _, s := range siblings {
		values, dots = append(values, string(s.Data)), append(dots, s.ID)
	}
	return values, dots
}

// change makes one write as op and o say, and remembers what its receipt covers.
func (c *client) change(ctx context.Context, n *Node, op history.Op, o henge.WriteOptions) bool {
	node := n.Process()
	op.Value, op.Strict = c.unique(), o.Strict == request.On
	op = c.begin(n, op)
	bucket := node.Bucket(c.bucket)
	o.OpID, o.Return = op.Value, true
	var receipt henge.Receipt
	var err error
	if op.F == history.Delete {
		receipt, err = bucket.Delete(ctx, op.Key, o)
	} else {
		receipt, err = bucket.Put(ctx, op.Key, []byte(op.Value), o)
	}
	var seen known
	if err == nil {
		seen, err = c.learn(&op, receipt)
	}
	if !c.end(n, node, op, err) {
		return false
	}
	c.known[op.Key] = seen
	s := c.lab.Sometimes
	s.SawIf(receipt.Hinted > 0, "a write was acknowledged with a hint")
	s.SawIf(receipt.Primary == 0 && receipt.Acks > 0, "a write was acknowledged by fallbacks alone")
	s.SawIf(receipt.Siblings > 1, "a write left siblings")
	s.SawIf(op.Blind, "a write without context was acknowledged")
	s.SawIf(op.F == history.Delete, "a delete was acknowledged")
	s.SawIf(op.Expires > 0, "a value that expires was acknowledged")
	return true
}

// learn reads a receipt: the dot of the written value, what a blind write covered,
// and what a next write with the receipt's context would have seen.
func (c *client) learn(op *history.Op, r henge.Receipt) (known, error) {
	seen := known{context: r.Context, etag: r.ETag}
	if r.Value != nil {
		values, dots := shown(*r.Value)
		seen.values, op.Values, op.Dots = values, values, dots
		if i := slices.Index(values, op.Value); i >= 0 {
			op.Dot = dots[i]
		}
	}
	if r.Context == "" {
		op.Blind = false // a delete that found nothing to delete
		return seen, nil
	}
	if !op.Blind {
		return seen, nil
	}
	covers, err := Covers(r.Context)
	op.Covers = covers
	return seen, err
}

// pause waits between two operations: mostly briefly, so that writers meet, and
// sometimes long.
func (c *client) pause(ctx context.Context, typical time.Duration) bool {
	d := time.Duration(c.rand.Int64N(int64(typical))) + 1
	if c.rand.IntN(8) == 0 {
		d *= 8
	}
	return sleep(ctx, d)
}

// blink is the way from a node to the client and back: what the node does behind its
// answer begins before the next request arrives, and not at the same instant.
func (c *client) blink(ctx context.Context) bool {
	return sleep(ctx, latency+time.Duration(c.rand.Int64N(int64(jitter))))
}
