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
func Update(ctx context.Context, keys Keys, key string, merge func([]Sibling) ([]byte, error)) (Receipt, error) {
	var receipt Receipt
	for range updateTries {
		value, err := keys.Get(ctx, key, ReadOptions{})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Receipt{}, err
		}
		merged, err := merge(value.Siblings)
		if err != nil {
			return Receipt{}, fmt.Errorf("merge %q: %w", key, err)
		}
		receipt, err = keys.Put(ctx, key, merged, WriteOptions{Context: value.Context})
		if err != nil {
			return Receipt{}, err
		}
		if receipt.Siblings <= 1 {
			return receipt, nil
		}
	}
	return receipt, nil
}
