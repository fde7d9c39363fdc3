package agree

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/hengedb/henge/ring"
)

// TestChainUnderFaults has a few nodes decide version after version of one
// document, while clients append tokens, which are bucket names, and some edits
// change who votes. However the faults fall:
//   - no two nodes take different documents of one name for decided;
//   - the decided versions have no gap, and each builds on the one before;
//   - an edit that was told to be decided is in every later document;
//   - the edits are linearizable (porcupine);
//   - once the faults end, one more edit is decided, and all nodes learn of all.
//
// Planted bugs it has been seen to catch: an acceptor kept from one version to the
// next (state.go, Adopt, "Acceptor: s.Acceptor"), an acceptor that answers for a
// base it does not hold (state.go, Answer, without the KindBehind case), one vote
// taken for a majority (round.go, majority).
func TestChainUnderFaults(t *testing.T) {
	overSeeds(t, func(t *testing.T, seed uint64, trace bool) simCounts {
		t.Helper()
		c := newChain(t, seed, trace)
		c.run()
		c.counts.Decided = len(c.decided) - 1
		return c.counts
	})
}

// chain is a sim of nodes that hold the cluster document.
type chain struct {
	*sim
	nodes   []*chainNode
	decided map[uint64]*ring.Document // by version
	ops     []*chainOp
	read    map[string]*ring.Document // what was decoded before
}

// chainOp is one client's edit: append a token, which is a bucket's name.
type chainOp struct {
	token    string
	voters   []ring.NodeID // not nil: the edit also sets these voters
	call     int64
	returned int64 // 0 while it has not
	version  uint64
}

func newChain(t *testing.T, seed uint64, trace bool) *chain {
	t.Helper()
	count := 4 + int(seed%3)
	c := &chain{sim: newSim(t, seed, count, trace), read: map[string]*ring.Document{}}
	for i := range count {
		c.nodes = append(c.nodes, &chainNode{chain: c, index: i, state: State{Self: ring.NodeID(i + 1)}})
	}
	first := firstDocument(t, count).Clone()
	first.Voters = c.voters()
	first, err := first.Seal()
	if err != nil {
		t.Fatal(err)
	}
	c.decided = map[uint64]*ring.Document{1: first}
	for _, n := range c.nodes {
		n.document = first.Raw()
		n.start()
	}
	return c
}

func (c *chain) run() {
	for range c.rng.IntN(10) {
		c.after(c.between(0, simFaulty), func() { c.nodes[c.rng.IntN(len(c.nodes))].crash() })
	}
	for range c.rng.IntN(4) {
		c.after(c.between(0, simFaulty), c.split)
	}
	c.scheduleOps()
	c.gossip()
	c.runUntil(simFaulty, func() bool { return false })
	c.endFaults()
	for _, n := range c.nodes {
		n.start()
	}
	last := c.lastOp()
	c.runUntil(simFaulty+simAllowed, func() bool { return last.returned != 0 && c.quiet() })
	if last.returned == 0 {
		c.failf("with all nodes up and no faults left, %s is not decided", last.token)
	}
	if !c.t.Failed() {
		c.checkOps()
		c.checkRegister()
	}
}

// scheduleOps plans edits in bursts, in which most nodes propose at one time.
func (c *chain) scheduleOps() {
	for burst := range 1 + c.rng.IntN(3) {
		begin, width := c.between(0, simFaulty/2), c.between(1, 3*simDelay)
		for i, n := range c.nodes {
			op := &chainOp{token: fmt.Sprintf("b%d.%d", burst, i)}
			if c.chance(0.2) {
				op.voters = c.voters()
			}
			if c.chance(0.8) {
				c.after(begin+c.between(0, width), func() { n.begin(op) })
			}
		}
	}
}

// lastOp proposes once more, at a random node that is free.
func (c *chain) lastOp() *chainOp {
	op := &chainOp{token: "last"}
	var begin func()
	begin = func() {
		n := c.nodes[c.rng.IntN(len(c.nodes))]
		if n.begin(op); n.op != op && op.returned == 0 {
			c.after(simMillis, begin)
		}
	}
	c.after(simMillis, begin)
	return op
}

// voters draws a set of voters: three often, else one to all of the members. With
// three, two ballots easily get a majority each; and there are proposers that no
// crash of a voter disturbs.
func (c *chain) voters() []ring.NodeID {
	var ids []ring.NodeID
	for _, n := range c.nodes {
		ids = append(ids, n.id())
	}
	c.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	count := 3
	if c.chance(0.4) {
		count = 1 + c.rng.IntN(len(ids))
	}
	ids = ids[:count]
	slices.Sort(ids)
	return ids
}

// gossip has a random node fetch from another, again and again.
func (c *chain) gossip() {
	n := c.nodes[c.rng.IntN(len(c.nodes))]
	if n.up {
		c.send(n, c.nodes[c.rng.IntN(len(c.nodes))], Message{Kind: KindFetch, Base: n.state.Name()})
	}
	c.after(c.between(10*simMillis, 60*simMillis), c.gossip)
}

func (c *chain) send(from, to *chainNode, m Message) {
	c.carry(from.index, to.index, func() {
		if to.up {
			to.receive(from, m)
		}
	})
}

// learn notes a document that some node takes for decided.
func (c *chain) learn(d *ring.Document) {
	if known, ok := c.decided[d.Version]; ok {
		if known.Name() != d.Name() {
			c.failf("two documents of one name: %s and %s", known.Name(), d.Name())
		}
		return
	}
	before, ok := c.decided[d.Version-1]
	if !ok {
		c.failf("%s is decided, and version %d is not", d.Name(), d.Version-1)
		return
	}
	for _, b := range before.Buckets {
		if now, ok := d.Bucket(b.Name); !ok || now != b {
			c.failf("%s does not build on %s: %q is %v there", d.Name(), before.Name(), b.Name, now)
		}
	}
	c.decided[d.Version] = d
}

// newest is the last decided document.
func (c *chain) newest() *ring.Document { return c.decided[uint64(len(c.decided))] }

// quiet reports whether no proposal is at work and all nodes hold the newest document.
func (c *chain) quiet() bool {
	for _, n := range c.nodes {
		if n.op != nil || n.state.Name() != c.newest().Name() {
			return false
		}
	}
	return true
}

// decode is ring.Decode, once for the same bytes: most of a seed's time is in it.
func (c *chain) decode(raw []byte) *ring.Document {
	if d, ok := c.read[string(raw)]; ok {
		return d
	}
	d, err := ring.Decode(raw)
	if err != nil {
		c.failf("decode: %v", err)
		c.t.FailNow()
	}
	c.read[string(raw)] = d
	return d
}

// checkOps checks that each edit that was told to be decided is in the documents
// from there on.
func (c *chain) checkOps() {
	for _, op := range c.ops {
		for v := op.version; op.returned != 0 && v <= uint64(len(c.decided)); v++ {
			if b, ok := c.decided[v].Bucket(op.token); !ok || b.Generation != op.version {
				c.failf("%s was told to be decided in version %d; version %d has %+v", op.token, op.version, v, b)
			}
		}
	}
}

// registerModel is a list to which each operation appends one token: the state is
// its length, the output where the token landed.
var registerModel = porcupine.Model{
	Init: func() any { return uint64(1) },
	Step: func(state, _, output any) (bool, any) {
		return output == state.(uint64)+1, output //nolint:errcheck // Init and output are uint64
	},
}

// checkRegister checks that the proposals are linearizable. Those that nobody was
// told of count if they took effect, at any time.
func (c *chain) checkRegister() {
	var history []porcupine.Operation
	for i, op := range c.ops {
		version, returned := op.version, op.returned
		if returned == 0 {
			b, ok := c.newest().Bucket(op.token)
			if !ok {
				continue
			}
			version, returned = b.Generation, math.MaxInt64
		}
		history = append(history, porcupine.Operation{ClientId: i, Input: op.token, Call: op.call, Output: version, Return: returned})
	}
	if !porcupine.CheckOperations(registerModel, history) {
		c.failf("proposals are not linearizable: %+v", history)
	}
}
