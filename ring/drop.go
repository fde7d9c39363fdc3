package ring

import (
	"cmp"
	"fmt"
	"slices"
)

// WithoutBucket is the next version of the document, without one bucket: whatever was
// written into it is Discarded by whoever holds this version, also after a bucket of the
// same name is made, which is of another generation. The default bucket is there always:
// dropped, it is made anew in the same version, empty and with the properties it had.
func (d *Document) WithoutBucket(name string) (*Document, error) {
	if err := d.Editable(); err != nil {
		return nil, err
	}
	i, found := slices.BinarySearchFunc(d.Buckets, name, func(b Bucket, name string) int { return cmp.Compare(b.Name, name) })
	if !found {
		return nil, fmt.Errorf("bucket %q does not exist", name)
	}
	next := d.Clone()
	next.Version++
	next.Dropped = next.Version
	if name == DefaultBucket {
		next.Buckets[i].Generation = next.Version
	} else {
		next.Buckets = slices.Delete(next.Buckets, i, i+1)
	}
	if next.Forced != nil {
		forced := *next.Forced
		if at, known := slices.BinarySearch(forced.Dropped, name); !known {
			forced.Dropped = slices.Insert(slices.Clone(forced.Dropped), at, name)
		}
		next.Forced = &forced
	}
	return next.Seal()
}

// Discarded reports whether what is of this generation of a bucket is of one that was
// dropped: nobody serves it, sends it, joins it, or keeps it. What is of a later version
// than this document is not known to be. What the losing side of a force made is nobody's
// to drop, unless a bucket of its name has been dropped since: it was part of that.
func (d *Document) Discarded(bucket string, generation uint64) bool {
	listed, ok := d.Bucket(bucket)
	if generation > d.Version || (ok && listed.Generation == generation) {
		return false
	}
	if !d.Forsaken(generation) {
		return true
	}
	_, since := slices.BinarySearch(d.Forced.Dropped, bucket)
	return since
}
