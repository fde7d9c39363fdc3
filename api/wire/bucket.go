package wire

import (
	"fmt"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Bucket is a bucket's properties as JSON. Counts are words or numbers, as in the query
// of a request; "default" is the cluster's.
type Bucket struct {
	Name           string `json:"name"`
	Generation     uint64 `json:"generation"` // the document version that made it
	Policy         string `json:"policy"`     // siblings or lww, for its life
	Owner          string `json:"owner"`
	R              string `json:"r"`
	W              string `json:"w"`
	Strict         bool   `json:"strict"`
	Sync           bool   `json:"sync"`
	RequireContext bool   `json:"require_context"`
	TTL            string `json:"ttl"` // of a put that says nothing else: a Go duration, or none
}

// Buckets is a listing of all of them, by name.
type Buckets struct {
	Buckets []Bucket `json:"buckets"`
}

// BucketOf is what of a bucket is sent.
func BucketOf(b ring.Bucket) Bucket {
	return Bucket{
		Name: b.Name, Generation: b.Generation, Policy: b.Policy, Owner: b.Owner,
		R: request.Count(b.R).String(), W: request.Count(b.W).String(),
		Strict: b.Strict, Sync: !b.Unsynced, RequireContext: b.RequireContext,
		TTL: request.FormatTTL(ttlOf(b)),
	}
}

// ttlOf is a bucket's TTL as in a request.
func ttlOf(b ring.Bucket) time.Duration {
	if b.TTLMillis == 0 {
		return request.NoTTL
	}
	return time.Duration(b.TTLMillis) * time.Millisecond
}

// BucketChange says what a bucket shall be. What is nil stays as it is, or is the
// default of a bucket that is made.
type BucketChange struct {
	Policy         *string `json:"policy,omitempty"` // of a bucket that exists: what it has
	Owner          *string `json:"owner,omitempty"`
	R              *string `json:"r,omitempty"`
	W              *string `json:"w,omitempty"`
	Strict         *bool   `json:"strict,omitempty"`
	Sync           *bool   `json:"sync,omitempty"`
	RequireContext *bool   `json:"require_context,omitempty"`
	TTL            *string `json:"ttl,omitempty"`
}

// Apply is b with the change made. It fails with request.ErrBadValue for what is no
// policy, no count and no TTL.
func (c BucketChange) Apply(b ring.Bucket) (ring.Bucket, error) {
	if c.Policy != nil {
		if *c.Policy != ring.PolicySiblings && *c.Policy != ring.PolicyLWW {
			return b, fmt.Errorf("%w: policy %q: want %s or %s", request.ErrBadValue, *c.Policy, ring.PolicySiblings, ring.PolicyLWW)
		}
		b.Policy = *c.Policy
	}
	set(&b.Owner, c.Owner)
	set(&b.Strict, c.Strict)
	set(&b.RequireContext, c.RequireContext)
	if c.Sync != nil {
		b.Unsynced = !*c.Sync
	}
	if c.TTL != nil {
		d, err := request.ParseTTL(*c.TTL)
		if err != nil {
			return b, err
		}
		b.TTLMillis = max(d, 0).Milliseconds()
	}
	if err := setCount("r", &b.R, c.R); err != nil {
		return b, err
	}
	return b, setCount("w", &b.W, c.W)
}

// set makes a change where one is asked for.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// setCount is set for a count.
func setCount(name string, to *int, from *string) error {
	if from == nil {
		return nil
	}
	if *from == request.Default.String() {
		*to = int(request.Default)
		return nil
	}
	n, err := request.ParseCount(*from)
	if err != nil {
		return fmt.Errorf("%w: %s: %w, or default", request.ErrBadValue, name, err)
	}
	*to = int(n)
	return nil
}
