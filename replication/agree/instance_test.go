package agree

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/hengedb/henge/ring"
)

// TestInstanceUnderFaults has the nodes decide one successor of one document, over
// and over: whoever is told, by whatever ballot, is told the same value; and once
// the faults end, everybody can be told.
//
// Planted bugs it has been seen to catch, each within one plain run:
//   - promises forgotten in a restart: in state.go, vote, "save = ..." without its first half
//   - acceptances forgotten: the same line without its second half
//   - rounds forgotten: in record.go, Record, without "Round: s.Round"
//   - what others accepted passed over: in round.go, promised, without "r.Value = m.Document"
//   - any of several accepted values taken: in round.go, promised, without "m.Accepted.Compare(r.found) > 0"
//   - a lower ballot accepted: in acceptor.go, Accept, without its first condition
//   - an answer counted twice: in round.go, vote, votes counted without their sender
//   - half the voters taken for a majority: in round.go, majority, "len(voters)/2"
func TestInstanceUnderFaults(t *testing.T) {
	const nodes = 5
	var bases []*ring.Document
	for voters := 1; voters <= nodes; voters++ {
		d := firstDocument(t, nodes).Clone()
		d.Voters = d.Voters[:voters]
		sealed, err := d.Seal()
		if err != nil {
			t.Fatal(err)
		}
		bases = append(bases, sealed)
	}
	overSeeds(t, func(t *testing.T, seed uint64, trace bool) simCounts {
		t.Helper()
		in := &instance{sim: newSim(t, seed, nodes, trace), base: bases[seed%nodes]}
		for i := range nodes {
			in.nodes = append(in.nodes, &juror{in: in, index: i, up: true, state: State{Self: ring.NodeID(i + 1), Held: in.base}})
		}
		in.run()
		return in.counts
	})
}

// instance is a sim in which nodes decide the successor of one document. What they
// decide on are a few bytes: nobody adopts it, so that all go on asking.
type instance struct {
	*sim
	base    *ring.Document
	nodes   []*juror
	decided []byte
}

func (in *instance) run() {
	for range in.rng.IntN(4) {
		in.after(in.between(0, simFaulty), in.split)
	}
	for _, n := range in.nodes {
		for range 3 {
			in.after(in.between(0, 4*simDelay), func() { n.begin() })
		}
	}
	in.runUntil(simFaulty, func() bool { return false })
	in.endFaults()
	for _, n := range in.nodes {
		n.start()
		n.told = false
		n.begin()
	}
	in.runUntil(simFaulty+simAllowed, in.allTold)
	if !in.allTold() {
		in.failf("with all nodes up and no faults left, somebody waits for ever")
	}
}

func (in *instance) allTold() bool {
	for _, n := range in.nodes {
		if !n.told {
			return false
		}
	}
	return true
}

func (in *instance) send(from, to *juror, m Message) {
	in.carry(from.index, to.index, func() {
		if to.up {
			to.receive(from, m)
		}
	})
}

// juror is one node of an instance. Each of its lives proposes another value.
type juror struct {
	in     *instance
	index  int
	up     bool
	life   int
	state  State
	record []byte // on disk
	round  *Round // while it proposes
	asking bool
	told   bool
	tries  int64
}

func (n *juror) crash() {
	if !n.up {
		return
	}
	n.in.counts.Crashes++
	n.in.logf("%s crashes", n.state.Self)
	n.up, n.round, n.asking = false, nil, false
	n.in.after(n.in.between(1, n.in.faults.down), n.start)
}

func (n *juror) start() {
	if n.up {
		return
	}
	state, err := State{Self: n.state.Self, Held: n.in.base}.restored(n.record)
	if err != nil {
		n.in.failf("restart: %v", err)
	}
	n.up, n.state = true, state
	n.life++
	n.in.logf("%s starts, promised %s, accepted %s", n.state.Self, state.Acceptor.Promised, state.Acceptor.Accepted)
	if n.in.chance(0.5) || n.in.now >= simFaulty {
		n.begin()
	}
}

// step makes next the state, saved first if it must be.
func (n *juror) step(next State, save bool) bool {
	if save {
		record, err := next.Record()
		if err != nil {
			n.in.failf("record: %v", err)
		}
		if !n.in.write(&n.record, record, n.crash) {
			return false
		}
	}
	n.state = next
	return true
}

func (n *juror) receive(from *juror, m Message) {
	if m.Kind != KindPrepare && m.Kind != KindAccept {
		n.answered(from, m)
		return
	}
	next, answer, save := n.state.Answer(from.state.Self, m)
	if !n.step(next, save) {
		return
	}
	n.in.logf("%s: %s of %s: %s", n.state.Self, m.Kind, m.Ballot, answer.Kind)
	n.in.send(n, from, answer)
	if answer.Kind == KindPromise || answer.Kind == KindAccepted {
		n.said()
	}
}

// said follows what a node must stand by, even over a crash.
func (n *juror) said() {
	if n.in.chance(n.in.faults.crashAfterSaying) {
		n.crash()
	}
}

func (n *juror) begin() {
	if n.up && !n.asking {
		n.asking, n.tries = true, 0
		n.propose(0)
	}
}

func (n *juror) propose(above uint64) {
	next, ballot := n.state.Reserve(above)
	if !n.step(next, true) {
		n.retry(above)
		return
	}
	value := fmt.Appendf(nil, "%s.%d", n.state.Self, n.life)
	round := NewRound(n.in.base.Name(), n.in.base.Voters, ballot, value)
	n.round = round
	n.ask()
	n.in.after(n.in.between(simDelay, 6*simDelay), func() {
		if n.round == round {
			n.retry(round.Seen)
		}
	})
}

func (n *juror) ask() {
	request := n.round.Request()
	for _, voter := range n.in.nodes[:len(n.in.base.Voters)] {
		n.in.send(n, voter, request)
	}
	n.said()
}

// retry proposes again after a random wait that grows.
func (n *juror) retry(above uint64) {
	n.round = nil
	n.tries++
	life := n.life
	n.in.after(n.in.between(1, min(n.tries, 20)*simDelay/2), func() {
		if n.up && n.life == life && n.asking && n.round == nil {
			n.propose(above)
		}
	})
}

func (n *juror) answered(from *juror, m Message) {
	if n.round == nil {
		return
	}
	before := n.round.Phase()
	n.round.Receive(from.state.Self, m)
	switch n.round.Phase() {
	case before:
	case Accepting:
		if !n.round.Own {
			n.in.counts.Finished++
		}
		n.ask()
	case Decided:
		n.decided(n.round.Value)
	case Lost:
		n.in.counts.Refused++
		n.retry(n.round.Seen)
	default:
		n.in.failf("%s is in phase %d", n.state.Self, n.round.Phase())
	}
}

func (n *juror) decided(value []byte) {
	n.in.logf("%s is told %s", n.state.Self, value)
	n.in.counts.Decided++
	if n.in.decided == nil {
		n.in.decided = value
	}
	if !bytes.Equal(n.in.decided, value) {
		n.in.failf("both %s and %s are decided", n.in.decided, value)
	}
	n.round, n.asking, n.told = nil, false, true
}
