package agree

import (
	"fmt"
	"slices"

	"github.com/hengedb/henge/ring"
)

// simNode is one node of a sim: the state in memory, what is on its disk, and the
// proposal it is making, if any.
type simNode struct {
	sim      *sim
	index    int
	up       bool
	state    State
	document []byte // on disk
	record   []byte // on disk

	op    *simOp
	value *ring.Document // that the op proposes, at present
	round *Round
	tries int64
}

func (n *simNode) id() ring.NodeID { return n.state.Self }

// crash loses all that is not on disk. The node comes back by and by.
func (n *simNode) crash() {
	s := n.sim
	if !n.up {
		return
	}
	s.counts.crashes++
	s.logf("%s crashes", n.id())
	n.up, n.op, n.round = false, nil, nil
	s.after(s.between(1, max(1, s.faults.down)), n.start)
}

// start reads the disk.
func (n *simNode) start() {
	if n.up {
		return
	}
	state, err := Restore(n.id(), n.document, n.record)
	if err != nil {
		n.sim.failf("%s does not start: %v", n.id(), err)
		return
	}
	n.up, n.state = true, state
	n.sim.logf("%s starts with %s, promised %s", n.id(), state.Name(), state.Acceptor.Promised)
	if n.sim.now < simFaulty && n.sim.chance(0.3) {
		n.begin(&simOp{token: fmt.Sprintf("c%d", len(n.sim.ops))})
	}
}

// saved writes to the disk; false is a failure, after which the bytes may be there
// or not, or a crash before or after the write.
func (n *simNode) saved(where *[]byte, b []byte) bool {
	s := n.sim
	failed, crashes := s.chance(s.faults.saveFails), s.chance(s.faults.crashAtSave)
	if !failed && !crashes || s.chance(0.5) {
		*where = b
	}
	if failed {
		s.counts.saveFailures++
	}
	if crashes {
		n.crash()
	}
	return !failed && !crashes
}

// step makes next the state, saved first if it must be.
func (n *simNode) step(next State, save bool) bool {
	if save {
		record, err := next.Record()
		if err != nil {
			n.sim.failf("record: %v", err)
		}
		if !n.saved(&n.record, record) {
			return false
		}
	}
	if next.Alarm != "" {
		n.sim.failf("alarm at %s: %s", n.id(), next.Alarm)
	}
	n.state = next
	return true
}

func (n *simNode) receive(from *simNode, m Message) {
	switch m.Kind {
	case KindPrepare, KindAccept, KindFetch:
		n.answer(from, m)
	case KindDecided:
		n.adopt(m.Document)
	default:
		n.answered(from, m)
	}
}

func (n *simNode) answer(from *simNode, m Message) {
	next, answer, save := n.state.Answer(from.id(), m)
	if !n.step(next, save) {
		return
	}
	if answer.Kind == KindBehind {
		n.sim.send(n, from, Message{Kind: KindFetch, Base: n.state.Name()})
	}
	n.sim.send(n, from, answer)
	if save {
		n.said()
	}
}

func (n *simNode) answered(from *simNode, m Message) {
	if n.round != nil && n.round.Phase() < Decided {
		n.hand(from, m)
	}
	if m.Kind == KindDocument && n.up {
		n.adopt(m.Document)
	}
}

// hand gives an answer to the round and does what the round then wants.
func (n *simNode) hand(from *simNode, m Message) {
	before := n.round.Phase()
	n.round.Receive(from.id(), m)
	switch n.round.Phase() {
	case before:
	case Accepting:
		if !n.round.Own {
			n.sim.counts.finished++
		}
		n.ask()
	case Decided:
		n.decided(n.round.Value)
	case Lost:
		n.sim.counts.refusals++
		n.retry()
	case Overtaken:
		n.sim.counts.overtaken++
	case Conflicting:
		n.sim.failf("%s met a conflict: %s", n.id(), n.round.Reason)
	}
}

// adopt takes up a document, and begins the proposal anew if its base is gone.
func (n *simNode) adopt(raw []byte) {
	d := n.sim.decode(raw)
	n.sim.decided(d)
	next, newer, err := n.state.Adopt(d)
	if err != nil {
		n.sim.failf("%s adopts %s: %v", n.id(), d.Name(), err)
	}
	if !newer || !n.saved(&n.document, d.Raw()) {
		return
	}
	n.sim.logf("%s adopts %s", n.id(), d.Name())
	n.state, n.round = next, nil
	if n.op != nil {
		n.propose(0)
	}
}

// decided is a round's success: adopt, tell everybody.
func (n *simNode) decided(raw []byte) {
	told := n.op != nil && n.value != nil && string(n.value.Raw()) == string(raw)
	if told {
		n.finish(n.value)
	}
	for _, other := range n.sim.nodes {
		n.sim.send(n, other, Message{Kind: KindDecided, Document: raw})
	}
	n.adopt(raw)
}

// begin takes up an edit.
func (n *simNode) begin(op *simOp) {
	if !n.up || n.op != nil {
		return
	}
	op.call = n.sim.now
	n.op, n.tries = op, 0
	n.sim.ops = append(n.sim.ops, op)
	n.propose(0)
}

// finish is what Propose's caller is told.
func (n *simNode) finish(d *ring.Document) {
	b, _ := d.Bucket(n.op.token)
	n.op.returned, n.op.version = n.sim.now, b.Generation
	n.sim.logf("%s: %s is decided in version %d", n.id(), n.op.token, b.Generation)
	n.op, n.round = nil, nil
}

// propose applies the edit to the document held, and asks.
func (n *simNode) propose(above uint64) {
	held := n.state.Held
	if _, there := held.Bucket(n.op.token); there {
		n.finish(held)
		return
	}
	n.value = n.op.apply(n.sim, held)
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
	n.sim.after(n.sim.between(simDelay, 6*simDelay), func() {
		if n.up && n.round == round && round.Phase() < Decided {
			n.retry()
		}
	})
}

// ask sends the round's request to all voters.
func (n *simNode) ask() {
	for _, voter := range n.sim.nodes {
		if slices.Contains(n.round.voters, voter.id()) {
			n.sim.send(n, voter, n.round.Request())
		}
	}
	n.said()
}

// said follows what a node must stand by, even over a crash.
func (n *simNode) said() {
	if n.sim.chance(n.sim.faults.crashAfterSaying) {
		n.crash()
	}
}

func (n *simNode) retry() {
	seen := n.round.Seen
	n.round = nil
	n.retryAfter(seen)
}

// retryAfter proposes again after a random wait that grows.
func (n *simNode) retryAfter(above uint64) {
	n.tries++
	op, round := n.op, n.round
	n.sim.after(n.sim.between(1, min(n.tries, 20)*simDelay/2), func() {
		if n.up && n.op == op && op != nil && n.round == round {
			n.propose(above)
		}
	})
}

// apply is the op's edit.
func (op *simOp) apply(s *sim, d *ring.Document) *ring.Document {
	next, err := d.WithBucket(ring.Bucket{Name: op.token, Policy: "siblings"})
	if err == nil && op.voters != nil {
		next = next.Clone()
		next.Voters = op.voters
		s.counts.revoted++
		next, err = next.Seal()
	}
	if err != nil {
		s.failf("edit: %v", err)
	}
	return next
}
