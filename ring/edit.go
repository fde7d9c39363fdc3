package ring

import (
	"cmp"
	"fmt"
	"slices"
)

// WithBucket is the next version of the document, with one bucket more. The
// bucket's generation is that version. It fails when the name is taken or no name,
// when the policy is none, and at 10,000 buckets.
func (d *Document) WithBucket(b Bucket) (*Document, error) {
	if err := d.Editable(); err != nil {
		return nil, err
	}
	if _, exists := d.Bucket(b.Name); exists {
		return nil, fmt.Errorf("bucket %q exists", b.Name)
	}
	next := d.Clone()
	next.Version++
	b.Generation = next.Version
	next.Buckets = append(next.Buckets, b)
	slices.SortFunc(next.Buckets, func(a, b Bucket) int { return cmp.Compare(a.Name, b.Name) })
	return next.Seal()
}
