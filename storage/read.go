package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// Read returns what the store holds under k; nil is nothing. The object is the
// caller's. It may show a write that is not synced yet, and that a crash may
// still undo. A damaged block is ErrCorrupt, never nil.
//
// It waits for no lock. ctx is looked at before the disk is: a read that the disk
// holds up cannot be taken back.
func (s *Store) Read(ctx context.Context, k Key) (*causal.Object, error) {
	at := s.raisedEpochs().of(k.Position())
	raw, pos, err := s.read(ctx, sectionObject, k)
	if err != nil || raw == nil {
		return nil, err
	}
	o, err := s.decodeObject(k.Bucket, raw, at)
	if err != nil {
		return nil, readError(k, s.corrupt(pos, k, err))
	}
	return o, nil
}

// ReadHint returns the hint that the store holds for k; nil is none. It is
// otherwise like Read.
func (s *Store) ReadHint(ctx context.Context, k Key) (*Hint, error) {
	at := s.raisedEpochs().of(k.Position())
	raw, pos, err := s.read(ctx, sectionHint, k)
	if err != nil || raw == nil {
		return nil, err
	}
	h, err := s.decodeHint(k.Bucket, raw, at)
	if err != nil {
		return nil, readError(k, s.corrupt(pos, k, err))
	}
	return h, nil
}

// read gets one key's bytes, copied; nil is nothing.
func (s *Store) read(ctx context.Context, in section, k Key) ([]byte, ring.Position, error) {
	if err := k.check(); err != nil {
		return nil, 0, err
	}
	if err := s.begin(); err != nil {
		return nil, 0, err
	}
	defer s.gate.leave()
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	pos := k.Position()
	before := s.stateOf(pos)
	raw, err := s.get(in, pos, k)
	if err == nil {
		err = s.unfenced(before)
	}
	if err != nil {
		return nil, 0, readError(k, err)
	}
	return raw, pos, nil
}

// readError adds which key could not be read.
func readError(k Key, err error) error {
	return fmt.Errorf("read %q in bucket %q: %w", k.Key, k.Bucket, err)
}

// get is the one place that reads a key from Pebble. The bytes are a copy; nil
// is nothing. A damaged block ends the actor of the partition or hint: what the
// node knew of the key is gone, and with it what the actor's counter claims.
func (s *Store) get(in section, pos ring.Position, k Key) ([]byte, error) {
	s.counters.reads.Add(1)
	var stack [128]byte
	raw, err := s.lookup(appendKey(stack[:0], in, pos, k))
	if err != nil && isCorruption(err) {
		return nil, s.corrupt(pos, k, err)
	}
	return raw, err
}

// lookup copies the bytes under key; nil is nothing.
func (s *Store) lookup(key []byte) ([]byte, error) {
	value, closer, err := s.db.Get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil, s.fault.err()
	case err != nil:
		return nil, errors.Join(err, s.fault.err())
	}
	raw := make([]byte, len(value)) // never nil, an empty value is one
	copy(raw, value)
	if err := closer.Close(); err != nil {
		return nil, err
	}
	return raw, nil
}

// corrupt ends the actors that relied on k's bytes, counts, and makes cause an
// error that matches ErrCorrupt.
func (s *Store) corrupt(pos ring.Position, k Key, cause error) error {
	s.counters.corruptReads.Add(1)
	s.damagedKey(pos, k, cause)
	if l := s.layout.Load(); l != nil {
		state := l.of(pos)
		s.endHolding(state.Partition, state.holding)
	}
	s.hintActors.end(k)
	return fmt.Errorf("%w: %w", ErrCorrupt, cause)
}
