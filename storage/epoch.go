package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// Epochs are where a store stands in the rounds of reaping in one partition (package
// reap), which every member keeps of every partition.
type Epochs struct {
	Raised    causal.Epoch // of the last round begun: an object read before it is refused
	Committed causal.Epoch // of the last round that may have deleted something
	Fenced    bool         // the store has lost memory of the partition: see Fence
	Known     bool         // they were saved once, or taken from a member
	Awaited   bool         // they are to be taken from a member before anything is written
}

// raisedEpochs are the raised epochs by partition, as of some moment: who loads them and
// then reads has read at them, or later. It is immutable.
type raisedEpochs []causal.Epoch

func (s *Store) raisedEpochs() raisedEpochs {
	if r := s.raised.Load(); r != nil {
		return *r
	}
	return nil
}

// of is the epoch of a position's partition.
func (r raisedEpochs) of(pos ring.Position) causal.Epoch {
	if len(r) == 0 {
		return causal.Epoch{}
	}
	return r[pos.Partition(len(r))]
}

// publishEpochs lets reads be of the states' epochs; the caller holds layoutMu.
func (s *Store) publishEpochs(l *layout) {
	raised := make(raisedEpochs, len(l.states))
	for i := range l.states {
		raised[i] = l.states[i].Load().Epochs.Raised
	}
	s.raised.Store(&raised)
}

// Epochs tells where the store stands in partition p; the zero Epochs without a document.
func (s *Store) Epochs(p ring.Partition) Epochs {
	if l := s.layout.Load(); l != nil && int(p) < len(l.states) {
		return l.states[p].Load().Epochs
	}
	return Epochs{}
}

// ChangeEpochs changes where the store stands in some partitions, those for which change
// says so. It returns nil once that is on the disk, and everything that was admitted
// before has been applied: whatever comes later is refused unless it was read at the
// raised epoch. While it runs, no other one does; change must not wait.
func (s *Store) ChangeEpochs(ctx context.Context, of []ring.Partition, change func(ring.Partition, Epochs) (Epochs, bool)) error {
	return s.changeEpochs(ctx, of, change, nil)
}

// changeEpochs is ChangeEpochs, in one with other records.
func (s *Store) changeEpochs(ctx context.Context, of []ring.Partition, change func(ring.Partition, Epochs) (Epochs, bool), with map[string][]byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.gate.leave()
	l := s.layout.Load()
	if l == nil {
		return ErrNoDocument
	}
	select {
	case s.epoching <- struct{}{}:
		defer func() { <-s.epoching }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	next := map[ring.Partition]Epochs{}
	records := map[string][]byte{}
	maps.Copy(records, with)
	var err error
	for _, p := range of {
		if int(p) >= len(l.states) {
			err = errors.Join(err, fmt.Errorf("partition %d of %d", p, len(l.states)))
			continue
		}
		e, changed := change(p, l.states[p].Load().Epochs)
		if !changed {
			continue
		}
		e.Known, e.Awaited = true, false
		next[p] = e
		records[epochName(p)] = e.append(nil)
	}
	if err != nil || len(next) == 0 {
		return err
	}
	if err := s.putRecords(ctx, s.db.NewBatch(), records, func() {}); err != nil {
		return fmt.Errorf("save epochs: %w", err)
	}
	s.swapEpochs(l, next)
	if err := s.locks.pass(s.fault); err != nil {
		return err
	}
	s.layoutMu.Lock()
	defer s.layoutMu.Unlock()
	s.publishEpochs(l)
	return nil
}

// swapEpochs makes the states go by new epochs.
func (s *Store) swapEpochs(l *layout, next map[ring.Partition]Epochs) {
	s.layoutMu.Lock()
	defer s.layoutMu.Unlock()
	for p, e := range next {
		now := *l.states[p].Load()
		if now.Epochs.Fenced != e.Fenced {
			now.fence(s)
		}
		now.Epochs = e
		l.states[p].Store(&now)
	}
}

// admit says why nothing may be written to a partition.
func (e Epochs) admit(kind WriteKind) error {
	switch {
	case e.Fenced && kind != KindRefill:
		return ErrFenced
	case e.Awaited:
		return ErrNoEpochs
	}
	return nil
}

// checkEpochs refuses objects that were read below the raised epoch.
func (t *Tx) checkEpochs() error {
	raised := t.state.Epochs.Raised
	old := t.object != nil && t.object != t.heldObject && t.object.Epoch.Less(raised)
	if t.hint.kept() != nil && t.hint.Object != t.heldHint.kept() {
		old = old || t.hint.Object.Epoch.Less(raised)
	}
	if old {
		return fmt.Errorf("%w: partition %d is at %s", ErrEpoch, t.state.Partition, raised)
	}
	return nil
}

// keepEpochs saves the epochs, which are the zero ones, of partitions that never met a
// round, when rounds begin: from then on a store that has none is new. Only a member of the
// document before takes part in all of them.
func (s *Store) keepEpochs(d *ring.Document) error {
	l := s.layout.Load()
	if l == nil || !d.Reaping {
		return nil
	}
	s.layoutMu.Lock()
	member := l.member
	s.layoutMu.Unlock()
	if !member {
		return nil
	}
	var unknown []ring.Partition
	for i := range l.states {
		if e := l.states[i].Load().Epochs; !e.Known && !e.Awaited {
			unknown = append(unknown, ring.Partition(i))
		}
	}
	return s.ChangeEpochs(context.Background(), unknown, func(_ ring.Partition, e Epochs) (Epochs, bool) {
		return e, !e.Known && !e.Awaited
	})
}

// awaits reports whether a partition's epochs are to be taken from a member first: where
// some may have been reaped already, a store that never had any must not write below
// them. One that holds something of the partition has epochs, if only the zero ones.
func (s *Store) awaits(d *ring.Document, now *PartitionState) (bool, error) {
	if now.Epochs.Known || !d.Reaping {
		return false, nil
	}
	for _, in := range []section{sectionObject, sectionHint} {
		if holds, err := s.holds(in, now.Partition, len(d.Layout)); err != nil || holds {
			return false, err
		}
	}
	return true, nil
}

// holds reports whether a section has anything of partition p of q.
func (s *Store) holds(in section, p ring.Partition, q int) (bool, error) {
	first, last := p.Range(q)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: appendPosition(nil, in, first), UpperBound: keyAfter(in, last)})
	if err != nil {
		return false, s.iterError(err)
	}
	found := it.First()
	err = it.Error()
	return found, s.iterError(errors.Join(err, it.Close()))
}

// HoldsHint reports whether the store holds a hint of partition p.
func (s *Store) HoldsHint(p ring.Partition) (bool, error) { return s.holdsAny(sectionHint, p) }

// HoldsObject reports whether the store holds an object of partition p, whether it has a
// replica of it or not.
func (s *Store) HoldsObject(p ring.Partition) (bool, error) { return s.holdsAny(sectionObject, p) }

func (s *Store) holdsAny(in section, p ring.Partition) (bool, error) {
	if err := s.begin(); err != nil {
		return false, err
	}
	defer s.gate.leave()
	l := s.layout.Load()
	if l == nil {
		return false, ErrNoDocument
	}
	return s.holds(in, p, len(l.states))
}

// epochName is the name of a partition's record.
func epochName(p ring.Partition) string {
	return string(binary.BigEndian.AppendUint32([]byte(metaEpochs), uint32(p)))
}

const (
	epochsVersion = 1
	epochsSize    = 1 + 1 + 16 + 16
	epochsFenced  = 1 << 0
)

// append is a record: a version, flags, and both epochs.
func (e Epochs) append(dst []byte) []byte {
	flags := byte(0)
	if e.Fenced {
		flags = epochsFenced
	}
	return e.Committed.Append(e.Raised.Append(append(dst, epochsVersion, flags)))
}

// decodeEpochs is the inverse of append.
func decodeEpochs(b []byte) (Epochs, error) {
	if len(b) != epochsSize || b[0] != epochsVersion || b[1]&^epochsFenced != 0 {
		return Epochs{}, fmt.Errorf("%w: no record of epochs", ErrCorrupt)
	}
	return Epochs{
		Raised: causal.DecodeEpoch([16]byte(b[2:18])), Committed: causal.DecodeEpoch([16]byte(b[18:34])),
		Fenced: b[1]&epochsFenced != 0, Known: true,
	}, nil
}

// loadEpochs reads the records of all partitions.
func (s *Store) loadEpochs(partitions int) ([]Epochs, error) {
	loaded := make([]Epochs, partitions)
	for i := range loaded {
		raw, err := s.lookup(metaKey(epochName(ring.Partition(i))))
		if err == nil && raw != nil {
			loaded[i], err = decodeEpochs(raw)
		}
		if err != nil {
			return nil, fmt.Errorf("epochs of partition %d: %w", i, err)
		}
	}
	return loaded, nil
}

// Fenced lists the partitions that are fenced.
func (s *Store) Fenced() []ring.Partition {
	var fenced []ring.Partition
	if l := s.layout.Load(); l != nil {
		for i := range l.states {
			if l.states[i].Load().Epochs.Fenced {
				fenced = append(fenced, ring.Partition(i))
			}
		}
	}
	return slices.Clip(fenced)
}
