package agree

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hengedb/henge/ring"
)

// sim runs the pure core of a few nodes under one seed: every message may be lost,
// doubled, late or out of order, every node may crash at any step and lose what it
// had not saved, disks refuse saves, and the network splits. Time is a number of
// microseconds; events at one time run in the order in which they were made.
type sim struct {
	t     *testing.T
	seed  uint64
	rng   *rand.Rand
	trace bool

	now    int64
	seq    int64
	queue  events
	nodes  []*simNode
	faults simFaults
	group  []int // of each node in the present split

	chain  map[uint64]*ring.Document // what was decided, by version
	ops    []*simOp
	read   map[string]*ring.Document // what was decoded before
	counts simCounts
}

// simFaults are the chances of each fault; zero after the faults' end.
type simFaults struct {
	loss, dup, saveFails, crashAtSave float64
	crashAfterSaying                  float64 // of a node that has just sent something it must stand by
	late                              float64 // of a message that takes ten times as long
	delay                             int64   // at most, of a message
	down                              int64   // at most, of a node that crashed
}

// simCounts are what happened, so that a run that tried nothing can be seen.
type simCounts struct {
	lost, doubled, crashes, splits, saveFailures, finished, overtaken, refusals, revoted int
}

// simOp is one client's edit: append a token, which is a bucket's name.
type simOp struct {
	token    string
	voters   []ring.NodeID // not nil: the edit also sets these voters
	call     int64
	returned int64 // 0 while it has not
	version  uint64
}

type event struct {
	at, seq int64
	run     func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) } //nolint:errcheck // heap.Push is only called with events
func (q *events) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

const (
	simMillis  = int64(1000)
	simDelay   = 10 * simMillis    // of a message, at most, unless it is late
	simFaulty  = 500 * simMillis   // how long faults go on
	simAllowed = 60000 * simMillis // and after them everything must be done by
)

func (s *sim) after(d int64, f func()) {
	s.seq++
	heap.Push(&s.queue, event{at: s.now + d, seq: s.seq, run: f})
}

// runUntil runs events until one is later than end or done says so.
func (s *sim) runUntil(end int64, done func() bool) {
	for s.queue.Len() > 0 && s.queue[0].at <= end && !s.t.Failed() && !done() {
		next := heap.Pop(&s.queue).(event) //nolint:errcheck // as Push
		s.now = next.at
		next.run()
	}
	s.now = max(s.now, min(end, s.now+1))
}

func (s *sim) chance(p float64) bool { return s.rng.Float64() < p }

func (s *sim) between(low, high int64) int64 { return low + s.rng.Int64N(high-low+1) }

func (s *sim) logf(format string, args ...any) {
	if s.trace {
		s.t.Logf("%8.3f ms %s", float64(s.now)/1000, fmt.Sprintf(format, args...))
	}
}

func (s *sim) failf(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("seed %d at %.3f ms: %s", s.seed, float64(s.now)/1000, fmt.Sprintf(format, args...))
}

// send delivers m, or does not.
func (s *sim) send(from, to *simNode, m Message) {
	if s.chance(s.faults.loss) {
		s.counts.lost++
		return
	}
	copies := 1
	if s.chance(s.faults.dup) {
		s.counts.doubled++
		copies = 2
	}
	for range copies {
		delay := s.between(1, s.faults.delay)
		if s.chance(s.faults.late) {
			delay *= 10
		}
		s.after(delay, func() {
			if to.up && s.group[from.index] == s.group[to.index] {
				to.receive(from, m)
			}
		})
	}
}

// decided notes a document that some node takes for decided.
func (s *sim) decided(d *ring.Document) {
	if known, ok := s.chain[d.Version]; ok {
		if known.Name() != d.Name() {
			s.failf("two documents of one name: %s and %s", known.Name(), d.Name())
		}
		return
	}
	before, ok := s.chain[d.Version-1]
	if !ok {
		s.failf("%s is decided, and version %d is not", d.Name(), d.Version-1)
		return
	}
	for _, b := range before.Buckets {
		if now, ok := d.Bucket(b.Name); !ok || now != b {
			s.failf("%s does not build on %s: %q is %v there", d.Name(), before.Name(), b.Name, now)
		}
	}
	s.chain[d.Version] = d
}

// newest is the last decided document.
func (s *sim) newest() *ring.Document { return s.chain[uint64(len(s.chain))] }

// scheduleFaults plans crashes and splits for as long as faults go on.
func (s *sim) scheduleFaults() {
	for range s.rng.IntN(10) {
		s.after(s.between(0, simFaulty), func() { s.nodes[s.rng.IntN(len(s.nodes))].crash() })
	}
	for range s.rng.IntN(4) {
		s.after(s.between(0, simFaulty), s.split)
	}
}

// split cuts the network in two for a while.
func (s *sim) split() {
	s.counts.splits++
	for i := range s.group {
		s.group[i] = s.rng.IntN(2)
	}
	s.logf("split %v", s.group)
	s.after(s.between(20*simMillis, 200*simMillis), s.heal)
}

func (s *sim) heal() {
	clear(s.group)
	s.logf("healed")
}

// gossip has each node fetch from a random other, now and then.
func (s *sim) gossip() {
	n := s.nodes[s.rng.IntN(len(s.nodes))]
	if n.up {
		s.send(n, s.nodes[s.rng.IntN(len(s.nodes))], Message{Kind: KindFetch, Base: n.state.Name()})
	}
	s.after(s.between(10*simMillis, 60*simMillis), s.gossip)
}

// voters draws a set of voters: three often, else one to all of the members. With
// three, two ballots easily get a majority each; and there are proposers that no
// crash of a voter disturbs.
func (s *sim) voters() []ring.NodeID {
	var ids []ring.NodeID
	for _, n := range s.nodes {
		ids = append(ids, n.id())
	}
	s.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	count := 3
	if s.chance(0.4) {
		count = 1 + s.rng.IntN(len(ids))
	}
	ids = ids[:count]
	slices.Sort(ids)
	return ids
}

// decode is ring.Decode, once for the same bytes: most of a seed's time is in it.
func (s *sim) decode(raw []byte) *ring.Document {
	if d, ok := s.read[string(raw)]; ok {
		return d
	}
	d, err := ring.Decode(raw)
	if err != nil {
		s.failf("decode: %v", err)
		s.t.FailNow()
	}
	s.read[string(raw)] = d
	return d
}
