package agree

import (
	"fmt"
	"slices"

	"github.com/hengedb/henge/ring"
)

// chainNode is one node of a chain: the state in memory, what is on its disk, and the
// proposal it is making, if any.
type chainNode struct {
	chain    *chain
	index    int
	up       bool
	state    State
	document []byte // on disk
	record   []byte // on disk

	op    *chainOp
	value *ring.Document // that the op proposes, at present
	round *Round
	tries int64
}

func (n *chainNode) id() ring.NodeID { return n.state.Self }

// crash loses all that is not on disk. The node comes back by and by.
func (n *chainNode) crash() {
	s := n.chain
	if !n.up {
		return
	}
	s.counts.Crashes++
	s.logf("%s crashes", n.id())
	n.up, n.op, n.round = false, nil, nil
	s.after(s.between(1, max(1, s.faults.down)), n.start)
}

// start reads the disk.
func (n *chainNode) start() {
	if n.up {
		return
	}
	state, err := Restore(n.id(), n.document, n.record)
	if err != nil {
		n.chain.failf("%s does not start: %v", n.id(), err)
		return
	}
	n.up, n.state = true, state
	n.chain.logf("%s starts with %s, promised %s", n.id(), state.Name(), state.Acceptor.Promised)
	if n.chain.now < simFaulty && n.chain.chance(0.3) {
		n.begin(&chainOp{token: fmt.Sprintf("c%d", len(n.chain.ops))})
	}
}

// saved writes to the disk.
func (n *chainNode) saved(where *[]byte, b []byte) bool { return n.chain.write(where, b, n.crash) }

// step makes next the state, saved first if it must be.
func (n *chainNode) step(next State, save bool) bool {
	if save {
		record, err := next.Record()
		if err != nil {
			n.chain.failf("record: %v", err)
		}
		if !n.saved(&n.record, record) {
			return false
		}
	}
	if next.Alarm != "" {
		n.chain.failf("alarm at %s: %s", n.id(), next.Alarm)
	}
	n.state = next
	return true
}

func (n *chainNode) receive(from *chainNode, m Message) {
	switch m.Kind {
	case KindPrepare, KindAccept, KindFetch:
		n.answer(from, m)
	case KindDecided:
		n.adopt(m.Document)
	default:
		n.answered(from, m)
	}
}

func (n *chainNode) answer(from *chainNode, m Message) {
	next, answer, save := n.state.Answer(from.id(), m)
	if !n.step(next, save) {
		return
	}
	if answer.Kind == KindBehind {
		n.chain.send(n, from, Message{Kind: KindFetch, Base: n.state.Name()})
	}
	n.chain.send(n, from, answer)
	if answer.Kind == KindPromise || answer.Kind == KindAccepted {
		n.said()
	}
}

func (n *chainNode) answered(from *chainNode, m Message) {
	if n.round != nil && n.round.Phase() < Decided {
		n.hand(from, m)
	}
	if m.Kind == KindDocument && n.up {
		n.adopt(m.Document)
	}
}

// hand gives an answer to the round and does what the round then wants.
func (n *chainNode) hand(from *chainNode, m Message) {
	before := n.round.Phase()
	n.round.Receive(from.id(), m)
	switch n.round.Phase() {
	case before:
	case Accepting:
		if !n.round.Own {
			n.chain.counts.Finished++
		}
		n.ask()
	case Decided:
		n.decided(n.round.Value)
	case Lost:
		n.chain.counts.Refused++
		n.retry()
	case Overtaken: // adopted by the caller
	case Conflicting:
		n.chain.failf("%s met a conflict: %s", n.id(), n.round.Other)
	}
}

// adopt takes up a document, and begins the proposal anew if its base is gone.
func (n *chainNode) adopt(raw []byte) {
	d := n.chain.decode(raw)
	n.chain.learn(d)
	next, newer, err := n.state.Adopt(d)
	if err != nil {
		n.chain.failf("%s adopts %s: %v", n.id(), d.Name(), err)
	}
	if !newer || !n.saved(&n.document, d.Raw()) {
		return
	}
	n.chain.logf("%s adopts %s", n.id(), d.Name())
	n.state, n.round = next, nil
	if n.op != nil {
		n.propose(0)
	}
}

// decided is a round's success: adopt, tell everybody.
func (n *chainNode) decided(raw []byte) {
	told := n.op != nil && n.value != nil && string(n.value.Raw()) == string(raw)
	if told {
		n.finish(n.value)
	}
	for _, other := range n.chain.nodes {
		n.chain.send(n, other, Message{Kind: KindDecided, Document: raw})
	}
	n.adopt(raw)
}

// begin takes up an edit.
func (n *chainNode) begin(op *chainOp) {
	if !n.up || n.op != nil {
		return
	}
	op.call = n.chain.now
	n.op, n.tries = op, 0
	n.chain.ops = append(n.chain.ops, op)
	n.propose(0)
}

// finish is what Propose's caller is told.
func (n *chainNode) finish(d *ring.Document) {
	b, _ := d.Bucket(n.op.token)
	n.op.returned, n.op.version = n.chain.now, b.Generation
	n.chain.logf("%s: %s is decided in version %d", n.id(), n.op.token, b.Generation)
	n.op, n.round = nil, nil
}

// propose applies the edit to the document held, and asks.
func (n *chainNode) propose(above uint64) {
	held := n.state.Held
	if _, there := held.Bucket(n.op.token); there {
		n.finish(held)
		return
	}
	n.value = n.op.apply(n.chain, held)
	next, ballot := n.state.Reserve(above)
	if !n.step(next, true) {
		if n.up {
			n.retryAfter(above)
		}
		return
	}
	n.round = NewRound(held.Name(), held.Voters, ballot, n.value.Raw())
	round := n.round
	n.ask()
	n.chain.after(n.chain.between(simDelay, 6*simDelay), func() {
		if n.up && n.round == round && round.Phase() < Decided {
			n.retry()
		}
	})
}

// ask sends the round's request to all voters.
func (n *chainNode) ask() {
	for _, voter := range n.chain.nodes {
		if slices.Contains(n.round.voters, voter.id()) {
			n.chain.send(n, voter, n.round.Request())
		}
	}
	n.said()
}

// said follows what a node must stand by, even over a crash.
func (n *chainNode) said() {
	if n.chain.chance(n.chain.faults.crashAfterSaying) {
		n.crash()
	}
}

func (n *chainNode) retry() {
	seen := n.round.Seen
	n.round = nil
	n.retryAfter(seen)
}

// retryAfter proposes again after a random wait that grows.
func (n *chainNode) retryAfter(above uint64) {
	n.tries++
	op, round := n.op, n.round
	n.chain.after(n.chain.between(1, min(n.tries, 20)*simDelay/2), func() {
		if n.up && n.op == op && op != nil && n.round == round {
			n.propose(above)
		}
	})
}

// apply is the op's edit.
func (op *chainOp) apply(s *chain, d *ring.Document) *ring.Document {
	next, err := d.WithBucket(ring.Bucket{Name: op.token, Policy: "siblings"})
	if err == nil && op.voters != nil {
		next = next.Clone()
		next.Voters = op.voters
		next, err = next.Seal()
	}
	if err != nil {
		s.failf("edit: %v", err)
	}
	return next
}
