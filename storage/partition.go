package storage

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/hengedb/henge/ring"
)

// PartitionState is what a store knows of one partition: an immutable record
// that Install swaps. Inside a Write it is the state under the key's lock.
type PartitionState struct {
	Partition ring.Partition
	Entry     ring.Entry // do not modify
	Document  uint64     // the version of the installed document
	Held      bool       // this node is in a set that puts count in
	Epochs    Epochs     // of reaping

	fences  int      // how often this start has fenced the partition, or ended that
	holding *holding // nil when this node does not serve: only who serves mints (R1)
	tree    *tree    // nil when this node does not hold it
}

// layout is the partitions' states. How many there are is fixed when the first
// document is installed.
type layout struct {
	states []atomic.Pointer[PartitionState]
	// The name of the installed document, and what it makes of this node; guarded by
	// Store.layoutMu.
	era, version uint64
	member       bool // this node is one in that document
}

// of returns the state of the partition that pos falls in.
func (l *layout) of(pos ring.Position) *PartitionState {
	return l.states[pos.Partition(len(l.states))].Load()
}

// Install makes d the document that writes and mints go by. It swaps the state
// of every partition, then passes once through all locks: when it returns,
// whatever began under the older document has been applied. A partition that was
// served and still is keeps its actor; one newly served gets a new one. A document
// older than the installed one changes nothing.
//
// It fails when d has another number of partitions than before, which would put
// keys under other locks, and when the store is closed or failed.
func (s *Store) Install(d *ring.Document) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.gate.leave()
	if err := s.keepEpochs(d); err != nil {
		return err
	}
	if err := s.takeDropping(context.Background()); err != nil {
		return err
	}
	err := s.swap(d)
	<-s.dropping
	if err != nil {
		return err
	}
	return s.locks.pass(s.fault)
}

// swap replaces the states by those of d.
func (s *Store) swap(d *ring.Document) error {
	if d.Partitions != len(d.Layout) || d.Partitions < 1 || d.Partitions&(d.Partitions-1) != 0 {
		return fmt.Errorf("document %d has %d partitions and %d entries", d.Version, d.Partitions, len(d.Layout))
	}
	s.layoutMu.Lock()
	defer s.layoutMu.Unlock()
	l := s.layout.Load()
	var loaded []Epochs
	var err error
	if l == nil {
		if loaded, err = s.loadEpochs(d.Partitions); err != nil {
			return err
		}
		l = &layout{states: make([]atomic.Pointer[PartitionState], d.Partitions)}
	}
	if len(l.states) != d.Partitions {
		return fmt.Errorf("document %d has %d partitions, the store %d: their number is fixed when a cluster begins",
			d.Version, d.Partitions, len(l.states))
	}
	if d.Era.Number < l.era || d.Era.Number == l.era && d.Version < l.version {
		return nil
	}
	renewed := s.renews(d)
	if d.Forced != nil {
		s.forced.Store(d) // before the states: who has a new tree reads objects by d
	}
	for i := range l.states {
		now := s.state(ring.Partition(i), d, l.states[i].Load(), renewed)
		if loaded != nil {
			now.Epochs = loaded[i]
		}
		if now.Epochs.Awaited, err = s.awaits(d, now); err != nil {
			return err
		}
		l.states[i].Store(now)
	}
	l.era, l.version = d.Era.Number, d.Version
	l.member = slices.ContainsFunc(d.Members, func(m ring.Member) bool { return m.ID == s.nodeID })
	s.layout.Store(l)
	s.publishEpochs(l)
	return nil
}

// state is partition p's under document d, when it was old before; renewed says that
// stored objects may mean something else than before.
func (s *Store) state(p ring.Partition, d *ring.Document, old *PartitionState, renewed bool) *PartitionState {
	entry := d.Layout[p]
	now := &PartitionState{Partition: p, Entry: entry, Document: d.Version, Held: entry.Takes(s.nodeID)}
	now.tree = s.treeFor(d, old, now.Held, renewed)
	if old != nil {
		now.Epochs, now.fences = old.Epochs, old.fences
	}
	switch {
	case !d.IsPrimary(p, s.nodeID):
	case old != nil && old.holding != nil:
		now.holding = old.holding
	default:
		now.holding = s.newHolding()
	}
	return now
}

// endHolding gives partition p a new actor in the place of old's, unless that
// was done already. The caller holds the lock of the key that was met; holders of
// other locks may mint one more dot by the old actor, which is as good as before:
// they read their objects.
func (s *Store) endHolding(p ring.Partition, old *holding) {
	s.layoutMu.Lock()
	defer s.layoutMu.Unlock()
	l := s.layout.Load()
	if l == nil {
		return
	}
	if state := l.states[p].Load(); old != nil && state.holding == old {
		s.renewLocked(l, p, state)
	}
}

// endActors ends every actor of this process start.
func (s *Store) endActors() {
	s.layoutMu.Lock()
	defer s.layoutMu.Unlock()
	if l := s.layout.Load(); l != nil {
		for p := range l.states {
			if state := l.states[p].Load(); state.holding != nil {
				s.renewLocked(l, ring.Partition(p), state)
			}
		}
	}
	s.hintActors.clear()
}

// endHoldings ends the actors of the partitions from that of first to that of
// last, some key of which could not be read.
func (s *Store) endHoldings(first, last ring.Position) {
	l := s.layout.Load()
	if l == nil {
		return
	}
	for p := first.Partition(len(l.states)); p <= last.Partition(len(l.states)); p++ {
		s.endHolding(p, l.states[p].Load().holding)
	}
}

// renewLocked swaps state for one with a new actor; the caller holds layoutMu.
func (s *Store) renewLocked(l *layout, p ring.Partition, state *PartitionState) {
	renewed := *state
	renewed.holding = s.newHolding()
	l.states[p].Store(&renewed)
}
