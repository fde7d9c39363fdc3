package lab

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/hengedb/henge/ring"
)

// Table says who is alive, in the place of gossip: what it knows comes from the
// network's cuts and the hosts' deaths, some time later, and each process has a
// view of its own. It is safe for concurrent use.
type Table struct {
	net    *Network
	seed   uint64
	detect time.Duration

	mu      sync.Mutex // guards what follows, and all that hangs on it
	members []*Member  // of live and dead processes, in the order of joining
}

// The pace of news. A death is noticed between detect and twice that; the rest is
// gossip among nodes that hear each other.
const (
	spreadWithin = 300 * time.Millisecond
	mergeWithin  = 2 * time.Second
)

// NewTable returns a table over n, which notices deaths after detect to twice
// detect. It takes n's OnChange.
func NewTable(n *Network, seed uint64, detect time.Duration) *Table {
	t := &Table{net: n, seed: seed, detect: detect}
	n.OnChange(t.follow)
	return t
}

// Member is one process's membership: its own entry and its view of the others.
type Member struct {
	table *Table
	host  *Host
	id    uint64 // of the seed and the process

	// Guarded by the table's mutex.
	self    ring.Peer
	view    map[*Member]ring.Peer
	pending map[*Member]bool // a look at the other is under way
	looks   uint64
	told    []func()
	gone    bool
}

// Join enters a process. Others hear of it as they would of news.
func (t *Table) Join(h *Host, self ring.Peer) *Member {
	m := &Member{table: t, host: h, self: self, view: make(map[*Member]ring.Peer), pending: make(map[*Member]bool)}
	t.mu.Lock()
	m.id = chance(t.seed, text(h.name), uint64(len(t.members)))
	t.members = append(t.members, m)
	for _, other := range t.members {
		if other != m {
			other.lookLocked(m, spreadWithin)
			m.lookLocked(other, spreadWithin)
		}
	}
	t.mu.Unlock()
	return m
}

// Peers lists whom this process believes alive, itself included.
func (m *Member) Peers() []ring.Peer {
	m.table.mu.Lock()
	defer m.table.mu.Unlock()
	peers := []ring.Peer{m.self}
	for _, peer := range m.view {
		peers = append(peers, peer)
	}
	slices.SortFunc(peers, func(a, b ring.Peer) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Nonce, b.Nonce))
	})
	return peers
}

// Subscribe has f called after each change of Peers.
func (m *Member) Subscribe(f func()) {
	m.table.mu.Lock()
	defer m.table.mu.Unlock()
	m.told = append(m.told, f)
}

// Announce replaces this process's entry.
func (m *Member) Announce(self ring.Peer) {
	m.table.mu.Lock()
	defer m.table.mu.Unlock()
	m.self = self
	for _, other := range m.table.members {
		if other != m {
			other.lookLocked(m, spreadWithin)
		}
	}
}

// Close says goodbye: who hears this process knows within the time of news.
func (m *Member) Close() error {
	m.table.mu.Lock()
	defer m.table.mu.Unlock()
	m.gone = true
	for _, other := range m.table.members {
		if other != m && m.table.hears(other, m) {
			other.lookLocked(m, spreadWithin)
		}
	}
	return nil
}

// follow has every process look at those of whom it should think otherwise.
func (t *Table) follow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.members {
		for _, other := range t.members {
			if m == other || m.gone {
				continue
			}
			_, listed := m.view[other]
			switch alive := t.alive(m, other); {
			case listed && !alive:
				m.lookAfterLocked(other, t.detect, t.detect)
			case !listed && alive:
				m.lookLocked(other, mergeWithin)
			}
		}
	}
}

// alive reports whether m could know that the other runs.
func (t *Table) alive(m, other *Member) bool { return !other.gone && t.hears(m, other) }

// hears reports whether the two processes run and hear each other.
func (t *Table) hears(m, other *Member) bool {
	if m.host.isDead() || other.host.isDead() {
		return false
	}
	_, ok := t.net.Good(m.host.name, other.host.name)
	return ok
}

func (h *Host) isDead() bool {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.dead
}

func (m *Member) lookLocked(other *Member, within time.Duration) {
	m.lookAfterLocked(other, 0, within)
}

// lookAfterLocked has m look at the other after a while. Looks of different kinds
// may be under way together; each finds what is true then.
func (m *Member) lookAfterLocked(other *Member, after, spread time.Duration) {
	slow := after > 0
	if slow && m.pending[other] {
		return
	}
	m.pending[other] = m.pending[other] || slow
	m.looks++
	delay := after + 1 + within(chance(m.id, other.id, m.looks), spread)
	time.AfterFunc(delay, func() { m.look(other, slow) })
}

// look takes in what can be known of the other now.
func (m *Member) look(other *Member, slow bool) {
	t := m.table
	t.mu.Lock()
	if slow {
		m.pending[other] = false
	}
	before, listed := m.view[other]
	alive := t.alive(m, other)
	goodbye := other.gone && !m.host.isDead()
	changed := false
	switch {
	case m.gone:
	case alive && (!listed || before != other.self):
		m.view[other] = other.self
		changed = true
	case listed && !alive && (slow || goodbye):
		delete(m.view, other)
		changed = true
	}
	told := slices.Clone(m.told)
	t.mu.Unlock()
	if !changed {
		return
	}
	for _, f := range told {
		f()
	}
}
