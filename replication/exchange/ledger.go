package exchange

import (
	"sync"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// pair is a partition and another replica of it.
type pair struct {
	partition ring.Partition
	node      ring.NodeID
}

// ledger knows which segments of a partition a replica may have missed a write in. It
// has one entry for a replica of a partition that this node serves, of some 200 bytes:
// it cannot grow beyond them. It is in memory: after a restart the periodic exchange
// finds what it knew.
type ledger struct {
	mu    sync.Mutex
	pairs map[pair]*entry
}

type entry struct {
	segments segments
	since    time.Time // the oldest of them
	due      time.Time // when to try
	fails    int
}

// The pace of the ledger: a replica that was too slow is given a moment, for a copy of
// what overloads it does not help it, and longer each time that fails.
const (
	ledgerAfter   = time.Second
	ledgerSlowest = time.Minute
)

// Dirty enters that node may lack what this one holds under key: it was too slow for a
// write, or away while nobody took a hint for it. Where one of the two does not serve the
// partition there is nothing to enter: its replicas find it by their own exchanges.
func (x *Exchange) Dirty(key storage.Key, node ring.NodeID) {
	doc := x.o.Cluster.Document()
	if doc == nil {
		return
	}
	pos := key.Position()
	p := pair{pos.Partition(doc.Partitions), node}
	if !x.shares(doc, p) {
		return
	}
	if x.ledger.enter(p, pos.Segment(doc.Partitions), x.o.Clock.Now()) {
		select {
		case x.kick <- struct{}{}:
		default:
		}
	}
}

// enter adds a segment; first says that nothing was entered for the pair.
func (l *ledger) enter(p pair, segment ring.Segment, now time.Time) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.pairs[p]
	if e == nil {
		e = &entry{since: now, due: now.Add(ledgerAfter)}
		l.pairs[p] = e
		first = true
	}
	e.segments.add(segment)
	return first
}

// take removes the entry that waits longest and whose pair is ready now. next is when
// another one is due, zero for never.
func (l *ledger) take(now time.Time, ready func(pair) (keep, now bool)) (p pair, e *entry, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for candidate, held := range l.pairs {
		keep, up := ready(candidate)
		switch {
		case !keep:
			delete(l.pairs, candidate)
		case !up: // it is looked at again when the node is back
		case held.due.After(now):
			if next.IsZero() || held.due.Before(next) {
				next = held.due
			}
		case e == nil || held.since.Before(e.since) || held.since.Equal(e.since) && candidate.less(p):
			p, e = candidate, held
		}
	}
	if e != nil {
		delete(l.pairs, p)
	}
	return p, e, next
}

// less orders pairs, so that a simulation sees one order.
func (p pair) less(q pair) bool {
	return p.partition < q.partition || p.partition == q.partition && p.node < q.node
}

// giveBack enters again what could not be worked off.
func (l *ledger) giveBack(p pair, e *entry, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.fails++
	e.due = now.Add(min(ledgerAfter<<min(e.fails, 10), ledgerSlowest))
	if later := l.pairs[p]; later != nil {
		e.segments.join(&later.segments)
	}
	l.pairs[p] = e
}

// size is how many segments are entered, and since when the oldest is.
func (l *ledger) size() (n int, oldest time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.pairs {
		n += e.segments.len()
		if oldest.IsZero() || e.since.Before(oldest) {
			oldest = e.since
		}
	}
	return n, oldest
}
