package storage

import (
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// revived is what a stored object means by the installed document. The losing side of a
// force may have made a bucket that is not part of it, and stored under its generation.
// That is never dropped; and once the cluster makes a bucket of the same name, it is
// that bucket's, as if it had been written there: else whatever is written next under
// the key, being of a newer generation, would replace it unseen. The disk keeps the old
// generation until the next change.
func (s *Store) revived(bucket string, o *causal.Object) *causal.Object {
	d := s.forced.Load()
	if d == nil || o == nil || !d.Forsaken(o.Generation) || d.Discarded(bucket, o.Generation) {
		return o
	}
	b, ok := d.Bucket(bucket)
	if !ok || b.Generation < o.Generation {
		return o
	}
	policy := causal.Siblings
	if b.Policy == ring.PolicyLWW {
		policy = causal.LWW
	}
	return o.Renewed(policy, b.Generation)
}

// decodeObject is the object in stored bytes, which were read when the partition's raised
// epoch was at least the one given.
func (s *Store) decodeObject(bucket string, raw []byte, at causal.Epoch) (*causal.Object, error) {
	o, err := causal.Decode(raw)
	return s.revived(bucket, o).At(at), err
}

// decodeHint is the hint in stored bytes. It is otherwise like decodeObject.
func (s *Store) decodeHint(bucket string, raw []byte, at causal.Epoch) (*Hint, error) {
	h, err := decodeHint(raw)
	if h != nil {
		h.Object = s.revived(bucket, h.Object).At(at)
	}
	return h, err
}
