package ring

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// WithBucket is the next version of the document, with one bucket more. The
// bucket's generation is that version. It fails when the name is taken or no name,
// when the policy is none, when a count is above the replicas, and at 10,000 buckets.
func (d *Document) WithBucket(b Bucket) (*Document, error) {
	if err := d.Editable(); err != nil {
		return nil, err
	}
	if _, exists := d.Bucket(b.Name); exists {
		return nil, fmt.Errorf("bucket %q exists", b.Name)
	}
	if err := d.checkCounts(b.R, b.W); err != nil {
		return nil, err
	}
	next := d.Clone()
	next.Version++
	b.Generation = next.Version
	next.Buckets = append(next.Buckets, b)
	slices.SortFunc(next.Buckets, func(a, b Bucket) int { return cmp.Compare(a.Name, b.Name) })
	return next.Seal()
}

// WithBucketSet is the next version of the document, with a bucket's owner, knobs and
// wish for contexts replaced by those of b. Name, generation and policy stay what they
// are for the bucket's life: another policy is an error, as is a bucket that does not
// exist.
func (d *Document) WithBucketSet(b Bucket) (*Document, error) {
	if err := d.Editable(); err != nil {
		return nil, err
	}
	i, found := slices.BinarySearchFunc(d.Buckets, b.Name, func(b Bucket, name string) int { return cmp.Compare(b.Name, name) })
	if !found {
		return nil, fmt.Errorf("bucket %q does not exist", b.Name)
	}
	if held := d.Buckets[i]; b.Policy != held.Policy {
		return nil, fmt.Errorf("bucket %q has the policy %s, for its life", b.Name, held.Policy)
	}
	if err := d.checkCounts(b.R, b.W); err != nil {
		return nil, err
	}
	next := d.Clone()
	next.Version++
	b.Generation = next.Buckets[i].Generation
	next.Buckets[i] = b
	return next.Seal()
}

// WithSettings is the next version of the document, with these settings.
func (d *Document) WithSettings(s Settings) (*Document, error) {
	if err := d.Editable(); err != nil {
		return nil, err
	}
	if err := d.checkCounts(s.R, s.W); err != nil {
		return nil, err
	}
	for name, n := range map[string]int64{
		"timeout_ms": s.TimeoutMillis, "max_value_bytes": s.MaxValueBytes, "transfer_mibps": int64(s.TransferMiBps), "silent_ms": s.SilentMillis,
		"grace_ms": s.GraceMillis,
	} {
		if n < 0 {
			return nil, fmt.Errorf("%s %d: want 0 or more", name, n)
		}
	}
	if s.SkewMillis != 0 && s.SkewMillis < minSkewMillis {
		return nil, fmt.Errorf("skew_ms %d: want 0, or %d or more", s.SkewMillis, minSkewMillis)
	}
	next := d.Clone()
	next.Version++
	next.Settings = s
	return next.Seal()
}

// WithReaping is the next version of the document, which says that what is deleted may be
// reaped from now on; nil when this one does.
func (d *Document) WithReaping() (*Document, error) {
	if d.Reaping {
		return nil, nil
	}
	if err := d.Editable(); err != nil {
		return nil, err
	}
	next := d.Clone()
	next.Version++
	next.Reaping = true
	return next.Seal()
}

// minSkewMillis is above what a hybrid clock is ahead of the wall after a start, 10 s: with
// a lower bound, each start would look like a clock that is off.
const minSkewMillis = 15_000

// lowestCount is the lowest of the words that a count can be, in package request.
const lowestCount = -2

// checkCounts refuses counts that no request could meet.
func (d *Document) checkCounts(counts ...int) error {
	for _, n := range counts {
		if n < lowestCount || n > d.Replicas {
			return fmt.Errorf("a count of %d: there are %d replicas", n, d.Replicas)
		}
	}
	return nil
}

// defaultSilence is how long a newcomer may be silent when the settings do not say.
const defaultSilence = 5 * time.Minute

// Silence is how long a newcomer may be silent before others are named in its place, and
// a member before its new store takes its place with nobody asked.
func (s Settings) Silence() time.Duration {
	if s.SilentMillis <= 0 {
		return defaultSilence
	}
	return time.Duration(s.SilentMillis) * time.Millisecond
}

// defaultGrace is how old what is deleted must be when the settings do not say.
const defaultGrace = 24 * time.Hour

// Grace is how long what is deleted, or has expired, is kept before it is reaped: it lets
// people see for a while what was deleted, and when. The proof does not rest on it; but
// a tombstone also remembers the operations before it, so that it should be longer than
// the longest timeout of a put: a second coordinator may mint one until then.
func (s Settings) Grace() time.Duration {
	if s.GraceMillis <= 0 {
		return defaultGrace
	}
	return time.Duration(s.GraceMillis) * time.Millisecond
}
