package agree

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
)

// sim is a faulty world under one seed: every message may be lost, doubled, late or
// out of order, every node may crash at any step and lose what it had not saved,
// disks refuse saves, and the network splits. Time is a number of microseconds;
// events at one time run in the order in which they were made.
type sim struct {
	t     *testing.T
	seed  uint64
	rng   *rand.Rand
	trace bool

	now    int64
	seq    int64
	queue  events
	faults simFaults
	group  []int // of each node in the present split
	counts simCounts
}

func newSim(t *testing.T, seed uint64, nodes int, trace bool) *sim {
	t.Helper()
	s := &sim{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), trace: trace, group: make([]int, nodes)}
	// Each fault is absent, rare or common, by itself: a seed in which everything
	// fails at once gets not far enough for two proposals to collide.
	s.faults = simFaults{
		loss: s.level(0, 0.05, 0.3), dup: s.level(0, 0.05, 0.3), late: s.level(0, 0.05, 0.3),
		saveFails: s.level(0, 0.05), crashAtSave: s.level(0, 0.02, 0.1), crashAfterSaying: s.level(0, 0.1, 0.5),
		delay: simDelay,
		// A node that is back at once is the one that can break a promise it forgot.
		down: int64(s.level(0.2, 5, 100) * float64(simMillis)),
	}
	return s
}

func (s *sim) level(levels ...float64) float64 { return levels[s.rng.IntN(len(levels))] }

// simFaults are the chances of each fault; zero after the faults' end.
type simFaults struct {
	loss, dup, saveFails, crashAtSave float64
	crashAfterSaying                  float64 // of a node that has just sent something it must stand by
	late                              float64 // of a message that takes ten times as long
	delay                             int64   // at most, of a message
	down                              int64   // at most, of a node that crashed
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

// carry delivers a message from one node to another, or does not.
func (s *sim) carry(from, to int, deliver func()) {
	if s.chance(s.faults.loss) {
		s.counts.Lost++
		return
	}
	copies := 1
	if s.chance(s.faults.dup) {
		s.counts.Doubled++
		copies = 2
	}
	for range copies {
		delay := s.between(1, s.faults.delay)
		if s.chance(s.faults.late) {
			delay *= 10
		}
		s.after(delay, func() {
			if s.group[from] == s.group[to] {
				deliver()
			}
		})
	}
}

// write puts bytes on a disk. It reports false for a failure, after which the bytes
// may be there or not; crash is called when the node ends before or after it.
func (s *sim) write(where *[]byte, b []byte, crash func()) bool {
	failed, crashes := s.chance(s.faults.saveFails), s.chance(s.faults.crashAtSave)
	if !failed && !crashes || s.chance(0.5) {
		*where = b
	}
	if failed {
		s.counts.SaveFailures++
	}
	if crashes {
		crash()
	}
	return !failed && !crashes
}

// split cuts the network in two for a while.
func (s *sim) split() {
	s.counts.Splits++
	for i := range s.group {
		s.group[i] = s.rng.IntN(2)
	}
	s.logf("split %v", s.group)
	s.after(s.between(20*simMillis, 200*simMillis), s.heal)
}

// endFaults heals everything. What was begun goes on.
func (s *sim) endFaults() {
	s.faults = simFaults{delay: simDelay, down: 1}
	s.heal()
}

func (s *sim) heal() {
	clear(s.group)
	s.logf("healed")
}
