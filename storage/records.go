package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/cockroachdb/pebble/v2"
)

// records are the store's own records as they are applied, by name, in memory too: they
// are few, and no other node could give back what a damaged block took of them.
type records struct {
	token  chan struct{} // held from before a record is applied until it is in byName
	byName map[string][]byte
}

func newRecords() records {
	return records{token: make(chan struct{}, 1), byName: map[string][]byte{}}
}

// loadRecords reads all of them. A store that cannot is of no use: nobody knows who the
// node is, or what it has promised.
func (s *Store) loadRecords() error {
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{byte(sectionMeta)}, UpperBound: []byte{byte(sectionMeta) + 1},
	})
	if err != nil {
		return s.iterError(err)
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var value []byte
		if value, err = it.ValueAndErr(); err == nil {
			s.records.byName[string(it.Key()[1:])] = append([]byte{}, value...)
		}
	}
	if err = s.iterError(errors.Join(err, it.Error())); err == nil {
		err = s.iterError(it.Close())
	} else {
		_ = it.Close() // it says the same
	}
	if errors.Is(err, ErrCorrupt) {
		err = fmt.Errorf("%w: the records that say which node this is are damaged: move the directory away and start anew, as with a lost disk: the other replicas fill it", err)
	}
	return err
}

// takeRecords takes the token of the records.
func (s *Store) takeRecords(ctx context.Context) error {
	select {
	case s.records.token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.fault.done:
		return s.fault.err()
	}
}

// copyRecords is what they are now; the caller has the token.
func (s *Store) copyRecords() map[string][]byte { return maps.Clone(s.records.byName) }

// putMeta is saveMeta for who is inside the gate.
func (s *Store) putMeta(ctx context.Context, name string, value []byte) error {
	values := map[string][]byte{name: append([]byte{}, value...)}
	if err := s.putRecords(ctx, s.db.NewBatch(), values, func() {}); err != nil {
		return fmt.Errorf("save record %q: %w", name, err)
	}
	return nil
}

// putRecords writes records, of which nil ones are removed, with what b writes, and waits
// for the sync; after runs once all of it is applied.
func (s *Store) putRecords(ctx context.Context, b *pebble.Batch, values map[string][]byte, after func()) error {
	var err error
	for name, value := range values {
		err = errors.Join(err, set(b, metaKey(name), value))
	}
	if err == nil {
		err = s.takeRecords(ctx)
	}
	if err != nil {
		return errors.Join(err, b.Close())
	}
	applied := func() {
		for name, value := range values {
			if s.records.byName[name] = value; value == nil {
				delete(s.records.byName, name)
			}
		}
		after()
	}
	return s.start(b, func() { <-s.records.token }, applied).Wait(ctx)
}
