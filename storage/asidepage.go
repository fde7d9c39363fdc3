package storage

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hengedb/henge/storage/causal"
)

// AsideRecord is one key of a set: an object, or a hint.
type AsideRecord struct {
	Key    Key
	Object *causal.Object // as it was stored
	Hint   *Hint
}

// Kept is the object that the record keeps; nil is none.
func (r AsideRecord) Kept() *causal.Object {
	if r.Object != nil {
		return r.Object
	}
	return r.Hint.kept()
}

// AsideAt is a place in a set: behind a record.
type AsideAt struct {
	Hint bool
	Key  Key
}

// At is the place behind a record.
func (r AsideRecord) At() AsideAt { return AsideAt{Hint: r.Hint != nil, Key: r.Key} }

// AsidePage reads a page of a set behind a place, all of it when that is zero: hints
// first, each in ring order. more says that others follow. Nothing of it was decided
// since it was set aside: it is as it was, and of no epoch.
func (s *Store) AsidePage(ctx context.Context, set uint32, after AsideAt) (page []AsideRecord, more bool, err error) {
	if err := s.begin(); err != nil {
		return nil, false, err
	}
	defer s.gate.leave()
	if _, err := s.aside(set); err != nil {
		return nil, false, err
	}
	prefix := asideKey(set)
	lower := prefix
	if after != (AsideAt{}) {
		in := sectionObject
		if after.Hint {
			in = sectionHint
		}
		lower = append(appendKey(append([]byte(nil), prefix...), in, after.Key.Position(), after.Key), 0)
	}
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: lower, UpperBound: keyBehind(prefix)})
	if err != nil {
		return nil, false, s.iterError(err)
	}
	size := 0
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var value []byte
		if value, err = it.ValueAndErr(); err != nil {
			break
		}
		if more = asideBatch.full(len(page), size, len(value)); more {
			break
		}
		size += len(value)
		var r AsideRecord
		r, err = decodeAside(it.Key()[len(prefix):], append([]byte(nil), value...))
		page = append(page, r)
	}
	if err == nil {
		err = it.Error()
	}
	if closed := it.Close(); err == nil {
		err = closed
	}
	if err = s.iterError(err); err != nil {
		return nil, false, fmt.Errorf("set %d: %w", set, err)
	}
	return page, more, nil
}

// decodeAside decodes a record. key is what its key was in its place; value is the
// record's from then on.
func decodeAside(key, value []byte) (r AsideRecord, err error) {
	if len(key) == 0 {
		return r, fmt.Errorf("%w: a key that is none", ErrCorrupt)
	}
	in := section(key[0])
	if _, r.Key, err = parseKey(key, in); err != nil {
		return r, err
	}
	switch in {
	case sectionObject:
		r.Object, err = causal.Decode(value)
	case sectionHint:
		r.Hint, err = decodeHint(value)
	default:
		err = fmt.Errorf("section %q", byte(in))
	}
	if err != nil {
		return r, fmt.Errorf("%w: %q in bucket %q: %w", ErrCorrupt, r.Key.Key, r.Key.Bucket, err)
	}
	return r, nil
}
