package storage

import "github.com/hengedb/henge/ring"

// stateOf is the state of a position's partition; nil without a document.
func (s *Store) stateOf(pos ring.Position) *PartitionState {
	if l := s.layout.Load(); l != nil {
		return l.of(pos)
	}
	return nil
}

// fenced reports whether the partition is.
func (p *PartitionState) fenced() bool { return p != nil && p.Epochs.Fenced }

// unfenced refuses what was read of a partition, since it was in a state, if that was
// fenced then, or at any time since: it may have been emptied meanwhile.
func (s *Store) unfenced(before *PartitionState) error {
	if before == nil {
		return nil
	}
	now := s.layout.Load().states[before.Partition].Load()
	if before.fenced() || now.fenced() || now.fences != before.fences {
		return ErrFenced
	}
	return nil
}

// fence has a state, not yet published, begin or end to be fenced. From then on it mints
// by another actor (R1), and has another hash tree, to be built: what is set aside does
// not count in it.
func (p *PartitionState) fence(s *Store) {
	p.fences++
	if p.holding != nil {
		p.holding = s.newHolding()
	}
	if p.tree != nil {
		p.tree = newTree(p.tree.secret)
	}
}

// Watch returns what tells, after reads of a position's partition, whether they hold: it
// fails with ErrFenced where the partition is fenced, or was meanwhile.
func (s *Store) Watch(pos ring.Position) func() error {
	before := s.stateOf(pos)
	return func() error { return s.unfenced(before) }
}
