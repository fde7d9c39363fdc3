package storage

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hengedb/henge/ring"
)

// Aside is what was set aside of a partition at one fencing. It is kept until a person
// discards it.
type Aside struct {
	Set       uint32         `json:"set"` // its number, from 1
	Partition ring.Partition `json:"partition"`
	Since     time.Time      `json:"since"`
	Why       string         `json:"why"`
	Objects   int64          `json:"objects"`
	Hints     int64          `json:"hints"`
	Bytes     int64          `json:"bytes"`
	Moved     bool           `json:"moved,omitempty"` // nothing is left in its place
	Ended     bool           `json:"ended,omitempty"` // the partition is to be unfenced: another fencing has another set
}

// ErrNoSet says that nothing is set aside under a number.
var ErrNoSet = errors.New("nothing is set aside under this number")

// asideBatch bounds what is moved, or read, at a time.
var asideBatch = pageLimits{records: pageRecords, bytes: pageBytes}

// Asides lists what is set aside, the oldest first.
func (s *Store) Asides() ([]Aside, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	prefix := metaKey(metaAside)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: keyBehind(prefix)})
	if err != nil {
		return nil, s.iterError(err)
	}
	var sets []Aside
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var raw []byte
		if raw, err = it.ValueAndErr(); err == nil {
			var a Aside
			err = json.Unmarshal(raw, &a)
			sets = append(sets, a)
		}
	}
	if err == nil {
		err = it.Error()
	}
	if closed := it.Close(); err == nil {
		err = closed
	}
	if err = s.iterError(err); err != nil {
		return nil, fmt.Errorf("what is set aside: %w", err)
	}
	return sets, nil
}

// OpenAside returns the set for what a fenced partition holds: the one that was begun,
// or a new one.
func (s *Store) OpenAside(ctx context.Context, p ring.Partition, why string) (Aside, error) {
	if err := s.takeAside(ctx); err != nil {
		return Aside{}, err
	}
	defer s.giveAside()
	sets, err := s.Asides()
	if err != nil {
		return Aside{}, err
	}
	next := Aside{Set: 1, Partition: p, Since: s.options.Clock.Now(), Why: why}
	for _, a := range sets {
		if a.Partition == p && !a.Ended {
			return a, nil
		}
		next.Set = max(next.Set, a.Set+1)
	}
	return next, s.changeAside(ctx, next, nil, func() {})
}

// SetAside moves some of what a fenced partition holds, objects first, into a set that
// OpenAside returned. It returns once the disk has it so, the set as it is then, Moved
// when nothing is left.
func (s *Store) SetAside(ctx context.Context, set uint32) (Aside, error) {
	if err := s.takeAside(ctx); err != nil {
		return Aside{}, err
	}
	defer s.giveAside()
	a, err := s.aside(set)
	if err != nil || a.Moved {
		return a, err
	}
	l := s.layout.Load()
	if l == nil || int(a.Partition) >= len(l.states) || !l.states[a.Partition].Load().fenced() {
		return a, fmt.Errorf("set partition %d aside: it is not fenced", a.Partition)
	}
	for _, in := range []section{sectionObject, sectionHint} {
		first, last := a.Partition.Range(len(l.states))
		page, _, err := s.page(ctx, in, appendPosition(nil, in, first), keyAfter(in, last), asideBatch)
		if err != nil {
			return a, fmt.Errorf("set partition %d aside: %w", a.Partition, err)
		}
		if len(page) > 0 {
			return s.movePage(ctx, a, in, page)
		}
	}
	a.Moved = true
	return a, s.changeAside(ctx, a, nil, func() {})
}

// movePage moves what a page has read into a set. Nobody else changes it: the partition
// is fenced, and what was admitted before has been applied.
func (s *Store) movePage(ctx context.Context, a Aside, in section, page []pair) (Aside, error) {
	b := s.db.NewBatch()
	var hints []*Hint
	var err error
	for _, p := range page {
		if in == sectionHint {
			h, _, bad := decodeHintHead(p.value)
			err = errors.Join(err, bad)
			hints = append(hints, h)
		}
		from := appendKey(nil, in, p.pos, p.key)
		err = errors.Join(err, b.Set(append(asideKey(a.Set), from...), p.value, nil), b.Delete(from, nil))
		a.Bytes += int64(len(p.value))
	}
	if err != nil {
		return a, errors.Join(fmt.Errorf("set partition %d aside: %w", a.Partition, err), b.Close())
	}
	a.Objects, a.Hints = a.Objects+int64(len(page)-len(hints)), a.Hints+int64(len(hints))
	return a, s.changeAside(ctx, a, b, func() {
		for i, h := range hints {
			s.hints.replace(h, nil)
			s.hintActors.end(page[i].key)
		}
	})
}

// Unfence ends the fencing of a set's partition, which has been filled again, and
// returns once the disk has it so. From then on the set is for people: one that keeps
// nothing is forgotten.
func (s *Store) Unfence(ctx context.Context, set uint32) error {
	if err := s.takeAside(ctx); err != nil {
		return err
	}
	defer s.giveAside()
	a, err := s.aside(set)
	switch {
	case err != nil:
		return err
	case !a.Moved:
		return fmt.Errorf("unfence partition %d: it is not set aside yet", a.Partition)
	}
	var record []byte
	if a.Ended = true; a.Objects+a.Hints > 0 {
		if record, err = json.Marshal(a); err != nil {
			return err
		}
	}
	return s.changeEpochs(ctx, []ring.Partition{a.Partition}, func(_ ring.Partition, e Epochs) (Epochs, bool) {
		changed := e.Fenced
		e.Fenced = false
		return e, changed
	}, map[string][]byte{asideName(a.Set): record})
}

// DropAside forgets a set, and all that it keeps, once its partition is filled again.
func (s *Store) DropAside(ctx context.Context, set uint32) error {
	if err := s.takeAside(ctx); err != nil {
		return err
	}
	defer s.giveAside()
	a, err := s.aside(set)
	switch {
	case err != nil:
		return err
	case !a.Ended:
		return fmt.Errorf("discard set %d: %w", set, ErrFenced)
	}
	return s.dropAside(ctx, a)
}

func (s *Store) dropAside(ctx context.Context, a Aside) error {
	b := s.db.NewBatch()
	key := asideKey(a.Set)
	if err := b.DeleteRange(key, keyBehind(key), nil); err != nil {
		return errors.Join(err, b.Close())
	}
	return s.putRecords(ctx, b, map[string][]byte{asideName(a.Set): nil}, func() {})
}

// changeAside writes a set's record, with b, and returns once that is synced.
func (s *Store) changeAside(ctx context.Context, a Aside, b *pebble.Batch, after func()) error {
	if b == nil {
		b = s.db.NewBatch()
	}
	record, err := json.Marshal(a)
	if err == nil {
		err = s.admit(KindRepair, b.Len()+len(record), false)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("set partition %d aside: %w", a.Partition, err), b.Close())
	}
	if err := s.putRecords(ctx, b, map[string][]byte{asideName(a.Set): record}, after); err != nil {
		return fmt.Errorf("set partition %d aside: %w", a.Partition, err)
	}
	return nil
}

// aside is a set's record.
func (s *Store) aside(set uint32) (Aside, error) {
	raw, err := s.metaValue(asideName(set))
	if err != nil {
		return Aside{}, err
	}
	if raw == nil {
		return Aside{}, fmt.Errorf("%w: %d", ErrNoSet, set)
	}
	var a Aside
	if err := json.Unmarshal(raw, &a); err != nil {
		return Aside{}, fmt.Errorf("set %d: %w: %w", set, ErrCorrupt, err)
	}
	return a, nil
}

// takeAside lets one caller in, who ends with giveAside.
func (s *Store) takeAside(ctx context.Context) error {
	if err := s.begin(); err != nil {
		return err
	}
	select {
	case s.asiding <- struct{}{}:
		return nil
	case <-ctx.Done():
		s.gate.leave()
		return context.Cause(ctx)
	}
}

func (s *Store) giveAside() {
	<-s.asiding
	s.gate.leave()
}

// asideKey is before the keys of a set.
func asideKey(set uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{byte(sectionAside)}, set)
}

// asideName is the name of a set's record.
func asideName(set uint32) string {
	return string(binary.BigEndian.AppendUint32([]byte(metaAside), set))
}

// keyBehind is the first key that does not begin with prefix, which is not all 0xff.
func keyBehind(prefix []byte) []byte {
	behind := append([]byte(nil), prefix...)
	for i := len(behind) - 1; ; i-- {
		if behind[i]++; behind[i] != 0 {
			return behind[:i+1]
		}
	}
}
