package storage

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// Tx is one key under its lock: what the store holds of it, and what it shall
// hold. It is valid only inside the function that Write calls, on that goroutine.
type Tx struct {
	store *Store
	key   Key
	pos   ring.Position
	state *PartitionState
	err   error // what could not be read or minted: nothing is written then

	object, heldObject *causal.Object
	objectBytes        int // as stored
	hint, heldHint     *Hint
	hintBytes          int // as stored
	hintRead           bool
	proven             bool // nothing of what the object forgets is needed: the actor stays
}

// Object is what the store holds of the key, or what SetObject last said; nil is
// nothing. Objects are immutable.
func (t *Tx) Object() *causal.Object { return t.object }

// SetObject makes the store hold o; nil removes what it holds. The object that
// Object returned changes nothing.
func (t *Tx) SetObject(o *causal.Object) { t.object, t.proven = o, false }

// Discard removes the object of a bucket that was dropped. Unlike SetObject(nil) it ends
// no actor: nothing that was known of an older generation of a bucket is claimed by a
// newer one, and a bucket's end would else cost the keys of all others a new actor each.
func (t *Tx) Discard() { t.object, t.proven = nil, true }

// Reap makes the store hold o, which knows less than what it holds, or nothing when it is
// nil. It ends no actor: of what is forgotten there is proven to be no copy anywhere, and
// the actor's counter goes on.
func (t *Tx) Reap(o *causal.Object) { t.object, t.proven = o, true }

// Hint is the hint that the store holds for the key, or what SetHint last said;
// nil is none. Do not modify it. It is read when first asked for; if it cannot be
// read, Write fails whatever the function returns.
func (t *Tx) Hint() *Hint {
	t.readHint()
	return t.hint
}

// SetHint makes the store hold h, which belongs to the store from then on; nil
// ends the hint. The hint that Hint returned changes nothing.
func (t *Tx) SetHint(h *Hint) {
	t.readHint()
	t.hint = h
}

// Partition is the state of the key's partition.
func (t *Tx) Partition() PartitionState { return *t.state }

// Mint returns the next dot of the actor that holds the key's partition, and a
// stamp: both are new to the object and to what the writer saw, and the stamp is
// above the node's clock too. Put both into the object and set it. It fails with
// ErrNotHeld where the node does not serve the partition, also while it takes joins
// there in a change.
func (t *Tx) Mint(saw causal.Context) (causal.Dot, causal.Stamp, error) {
	current := func() *holding { return t.store.layout.Load().of(t.pos).holding }
	renew := func(old *holding) { t.store.endHolding(t.state.Partition, old) }
	return t.mint(saw, t.object, current, renew)
}

// MintHint is Mint for the object in the key's hint, by the hint's own actor. It
// needs no replica.
func (t *Tx) MintHint(saw causal.Context) (causal.Dot, causal.Stamp, error) {
	t.readHint()
	actors := t.store.hintActors
	current := func() *holding { return actors.of(t.key, t.store.newHolding) }
	return t.mint(saw, t.hint.kept(), current, func(*holding) { actors.end(t.key) })
}

// mint takes the next dot of the current holding. A dot that is covered already, by
// object or by what the writer saw elsewhere, would be taken for an old one and lost:
// then somebody else mints by this actor, or this node forgot what it minted, and
// the actor ends (R1).
func (t *Tx) mint(saw causal.Context, object *causal.Object, current func() *holding, renew func(*holding)) (causal.Dot, causal.Stamp, error) {
	if t.err != nil {
		return causal.Dot{}, 0, t.err
	}
	s := t.store
	s.checkClocks()
	h := current()
	if h == nil {
		return causal.Dot{}, 0, ErrNotHeld
	}
	dot := h.next()
	if saw.Covers(dot) || object != nil && object.Context.Covers(dot) {
		s.counters.actorAlarms.Add(1)
		s.warn("an actor's next dot was known already; the actor is replaced", fmt.Errorf("dot %x:%d", uint64(dot.Actor), dot.Counter))
		renew(h)
		if h = current(); h == nil {
			return causal.Dot{}, 0, ErrNotHeld
		}
		dot = h.next()
	}
	return dot, s.hybrid.Next(max(saw.Stamp(), t.object.MaxStamp(), object.MaxStamp())), nil
}

// readHint reads the key's hint once.
func (t *Tx) readHint() {
	if t.hintRead || t.err != nil {
		return
	}
	t.hintRead = true
	raw, err := t.store.get(sectionHint, t.pos, t.key)
	if err != nil || raw == nil {
		t.err = err
		return
	}
	h, err := t.store.decodeHint(t.key.Bucket, raw, t.state.Epochs.Raised)
	if err != nil {
		t.err = t.store.corrupt(t.pos, t.key, err)
		return
	}
	t.hint, t.heldHint, t.hintBytes = h, h, len(raw)
}

// batch is what makes the store hold what the transaction says; nil when it
// does already. grown is by how many bytes that is more than before.
func (t *Tx) batch() (b *pebble.Batch, grown int, err error) {
	objectChanged, hintChanged := t.object != t.heldObject, t.hint != t.heldHint
	if !objectChanged && !hintChanged {
		return nil, 0, nil
	}
	if err := t.checkEpochs(); err != nil {
		return nil, 0, err
	}
	b = t.store.db.NewBatch()
	if objectChanged {
		var value []byte
		if t.object != nil {
			err = checkObject(t.object)
			value = t.object.At(causal.Epoch{}).Append(nil)
		}
		grown += len(value) - t.objectBytes
		err = errors.Join(err, set(b, appendKey(nil, sectionObject, t.pos, t.key), value))
	}
	if hintChanged {
		var value []byte
		if t.hint != nil {
			err = errors.Join(err, t.hint.check())
			value = t.hint.encode()
		}
		grown += len(value) - t.hintBytes
		err = errors.Join(err, set(b, appendKey(nil, sectionHint, t.pos, t.key), value))
	}
	return b, grown, err
}

// checkObject refuses an object that could not be read again, or that has lost its
// values' bytes: better an error than a key that is unreadable or empty for ever.
func checkObject(o *causal.Object) error {
	err := o.Invariant()
	if slices.ContainsFunc(o.Siblings, func(s causal.Sibling) bool { return s.Stripped }) {
		err = errors.Join(err, errors.New("a value's bytes were left out"))
	}
	if err != nil {
		return fmt.Errorf("%w that can be stored: %w", causal.ErrObject, err)
	}
	return nil
}

// forgets reports whether now lacks anything that old knew. Then the possession
// in which old was held has ended, and its actor with it: a dot minted on would
// claim what is no longer held (R1). What was known of an older generation of the
// bucket is nothing that a newer one claims.
func forgets(old, now *causal.Object) bool {
	switch {
	case old == nil:
		return false
	case now == nil:
		return true
	case now.Generation != old.Generation:
		return now.Generation < old.Generation
	}
	return !now.Context.Includes(old.Context)
}

// set adds to b that key has value; nil is no value at all.
func set(b *pebble.Batch, key, value []byte) error {
	if value == nil {
		return b.Delete(key, nil)
	}
	return b.Set(key, value, nil)
}
