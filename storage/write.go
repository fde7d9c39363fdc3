package storage

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// WriteKind says on whose behalf a key changes, which decides what a nearly full
// disk refuses.
type WriteKind uint8

// The kinds of writes.
const (
	KindPut    WriteKind = iota // a client's put, at its coordinator or replica
	KindDelete                  // a client's delete
	KindJoin                    // an object that another node sent
	KindHint                    // an object kept for another node, or the end of that
	KindRepair                  // what reads and exchanges found missing
	KindRefill                  // what a fenced partition lacks
)

// Write is how objects and hints change; there is no other way. It takes the lock
// of the key's segment, reads what the store holds, calls change once, and
// applies what change set, all under the lock; then it releases the lock, and the
// sync of the log goes on behind. When it returns nil others can see the change;
// Commit.Wait says when a crash can no longer undo it.
//
// An error of change is returned as it is, wrapped, and nothing is written. ctx
// bounds the wait for the lock and for the disk. Once change has returned, its end, which
// gives its cause, leaves open whether the change is made, and so does
// ErrFailed; every other error means that it is not.
func (s *Store) Write(ctx context.Context, k Key, kind WriteKind, change func(*Tx) error) (*Commit, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	c, err := s.write(ctx, k, kind, change)
	if err == nil && c.Changed() {
		err = c.visible(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("write %q in bucket %q: %w", k.Key, k.Bucket, err)
	}
	return c, nil
}

// write runs change under the lock and hands what it made to Pebble.
func (s *Store) write(ctx context.Context, k Key, kind WriteKind, change func(*Tx) error) (*Commit, error) {
	l := s.layout.Load()
	if l == nil {
		return nil, ErrNoDocument
	}
	if err := s.reserve(ctx); err != nil {
		return nil, err
	}
	pos := k.Position()
	segment := pos.Segment(len(l.states))
	if err := s.locks.lock(ctx, segment, s.fault); err != nil {
		return nil, err
	}
	release := func() { s.locks.unlock(segment) }
	defer func() {
		if release != nil {
			release()
		}
	}()
	t := &Tx{store: s, key: k, pos: pos, state: l.of(pos)}
	b, err := t.run(kind, change)
	if err != nil || b == nil {
		return &Commit{store: s}, err
	}
	s.counters.writes.Add(1)
	handed := release
	release = nil
	return s.start(b, handed, t.applied), nil
}

// run reads the key, calls change, and returns what is to be written, nil when
// that is nothing.
func (t *Tx) run(kind WriteKind, change func(*Tx) error) (*pebble.Batch, error) {
	if err := t.state.Epochs.admit(kind); err != nil {
		return nil, err
	}
	if err := t.readObject(); err != nil {
		return nil, err
	}
	if err := change(t); err != nil {
		return nil, err
	}
	if t.err != nil {
		return nil, t.err
	}
	b, grown, err := t.batch()
	if err == nil && b != nil {
		err = t.store.admit(kind, grown, t.hint != nil && t.heldHint == nil)
	}
	if err != nil && b != nil {
		_ = b.Close() // it holds nothing but memory
	}
	return b, err
}

// readObject reads what the store holds under the key.
func (t *Tx) readObject() error {
	raw, err := t.store.get(sectionObject, t.pos, t.key)
	if err != nil || raw == nil {
		return err
	}
	t.objectBytes = len(raw)
	t.object, err = t.store.decodeObject(t.key.Bucket, raw, t.state.Epochs.Raised)
	if err != nil {
		return t.store.corrupt(t.pos, t.key, err)
	}
	t.heldObject = t.object
	return nil
}

// applied keeps what lives in memory beside the objects and hints: the hash tree of the
// partition, the actors and the count of the hints. It runs under
// the key's lock, once the change is applied.
func (t *Tx) applied() {
	if t.state.tree != nil && t.object != t.heldObject {
		t.state.tree.replace(t.pos.Segment(len(t.store.layout.Load().states)), t.key, t.heldObject, t.object)
	}
	if !t.proven && forgets(t.heldObject, t.object) {
		t.store.endHoldings(t.pos, t.pos)
	}
	if t.hint == t.heldHint {
		return
	}
	t.store.hints.replace(t.heldHint, t.hint)
	if t.hint.kept() == nil || forgets(t.heldHint.kept(), t.hint.kept()) {
		t.store.hintActors.end(t.key)
	}
}
