package request

import (
	"context"
	"errors"
	"fmt"
)

// Keys is what Update needs of a bucket.
type Keys interface {
	Get(ctx context.Context, key string, o ReadOptions) (Value, error)
	Put(ctx context.Context, key string, value []byte, o WriteOptions) (Receipt, error)
}

// updateTries bounds how often an Update starts anew while others keep writing.
const updateTries = 16

// Update reads a key, has merge make one value of its siblings, and writes that
// with the read's context; again while the write leaves siblings of others. merge
// sees no siblings when the key holds nothing; it may run several times.
func Update(ctx context.Context, keys Keys, key string, merge func([]Sibling) ([]byte, error)) (receipt Receipt, err error) {
	for range updateTries {
		receipt, err = updateOnce(ctx, keys, key, merge)
		if errors.Is(err, ErrPrecondition) && OutcomeOf(err) == None {
			continue // somebody was first; what merge made is certainly not there
		}
		if err != nil || receipt.Siblings <= 1 {
			return receipt, err
		}
	}
	return receipt, err
}

// updateOnce reads, merges and writes. A key that was never written has no context,
// and a write without one replaces what its coordinator holds: on the condition that
// this is still nothing, it replaces no write that merge has not seen.
func updateOnce(ctx context.Context, keys Keys, key string, merge func([]Sibling) ([]byte, error)) (Receipt, error) {
	value, err := keys.Get(ctx, key, ReadOptions{})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Receipt{}, err
	}
	merged, err := merge(value.Siblings)
	if err != nil {
		return Receipt{}, fmt.Errorf("merge %q: %w", key, err)
	}
	o := WriteOptions{Context: value.Context}
	if o.Context == "" {
		o.IfNoneMatch = "*"
	}
	return keys.Put(ctx, key, merged, o)
}
