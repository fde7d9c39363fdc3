package henge

import (
	"context"
	"iter"

	"github.com/hengedb/henge/replication"
	"github.com/hengedb/henge/replication/request"
)

// Bucket is a namespace of keys. It has the methods of the HTTP client's bucket.
type Bucket struct {
	name string
	keys *replication.Coordinator
}

// Get reads a key from R replicas. Concurrent writes come back as siblings, not as
// an error. It fails with ErrNotFound when no value is shown, though the Value then
// carries the context of a tombstone, and with a *QuorumError when fewer than R
// nodes answered in time.
func (b *Bucket) Get(ctx context.Context, key string, o ReadOptions) (Value, error) {
	return b.keys.Get(ctx, b.name, key, o)
}

// Put stores value under a key and returns once W nodes hold it. With the Context
// of a read it replaces exactly what that read saw; without, what its coordinator
// holds. The store keeps value: do not change it afterwards. A *QuorumError tells
// in its Outcome whether some replica may hold the write.
func (b *Bucket) Put(ctx context.Context, key string, value []byte, o WriteOptions) (Receipt, error) {
	return b.keys.Put(ctx, b.name, key, value, o)
}

// Delete removes what the context saw, or, without one, what a read finds now.
// Deleting what is not there is no error.
func (b *Bucket) Delete(ctx context.Context, key string, o WriteOptions) (Receipt, error) {
	return b.keys.Delete(ctx, b.name, key, o)
}

// Scan lists keys in ring order: every key of the bucket is visited, so it is for
// listings and exports. An error ends a listing that cannot be complete.
func (b *Bucket) Scan(ctx context.Context, o ScanOptions) iter.Seq2[Entry, error] {
	return b.keys.Scan(ctx, b.name, o)
}

// Update reads a key, has merge make one value of its siblings (none when the key
// holds nothing), and writes that with the read's context; again, when others wrote
// meanwhile. merge may run several times and must not keep its argument.
func (b *Bucket) Update(ctx context.Context, key string, merge func([]Sibling) ([]byte, error)) (Receipt, error) {
	return request.Update(ctx, b, key, merge)
}
