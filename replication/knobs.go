package replication

import (
	"context"
	"fmt"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// knobs are a request's own, the bucket's and the cluster's, resolved in this
// order.
type knobs struct {
	need     int // R or W
	strict   bool
	unsynced bool
	timeout  time.Duration
}

// cap is how long a node may be silent: never more than a third of the timeout, so
// that two more can be tried.
func (k knobs) cap() time.Duration { return min(silenceCap, k.timeout/3) }

func resolveRead(b ring.Bucket, s ring.Settings, replicas int, o request.ReadOptions) (knobs, error) {
	k := knobs{strict: o.Strict.Or(b.Strict || s.Strict)}
	return k.resolve(first(o.R, request.Count(b.R), request.Count(s.R)), replicas, o.Timeout, s)
}

func resolveWrite(b ring.Bucket, s ring.Settings, replicas int, o request.WriteOptions) (knobs, error) {
	k := knobs{strict: o.Strict.Or(b.Strict || s.Strict), unsynced: o.Unsynced.Or(b.Unsynced || s.Unsynced)}
	return k.resolve(first(o.W, request.Count(b.W), request.Count(s.W)), replicas, o.Timeout, s)
}

// resolve checks the numbers. A timeout of zero is the cluster's.
func (k knobs) resolve(count request.Count, replicas int, timeout time.Duration, s ring.Settings) (knobs, error) {
	need, err := count.Resolve(replicas)
	if err != nil {
		return knobs{}, err
	}
	k.need, k.timeout = need, timeout
	if timeout == 0 {
		k.timeout = request.DefaultTimeout
		if s.TimeoutMillis > 0 {
			k.timeout = time.Duration(s.TimeoutMillis) * time.Millisecond
		}
	}
	if k.timeout < time.Millisecond || k.timeout > request.MaxTimeout {
		return knobs{}, fmt.Errorf("%w: timeout %v; want 1ms to %v", request.ErrBadKnob, k.timeout, request.MaxTimeout)
	}
	return k, nil
}

// first is the first count that is set.
func first(counts ...request.Count) request.Count {
	for _, c := range counts {
		if c != request.Default {
			return c
		}
	}
	return request.Default
}

// newQuery checks a get and resolves what it needs. A read makes no bucket: in one
// that is not listed it finds nothing.
func (c *Coordinator) newQuery(key keyName, o request.ReadOptions) (*query, error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	q := &query{key: key, options: o}
	return q, c.locateQuery(q)
}

// locateQuery takes what a get needs from the document held now: at its begin, and
// when the layout has moved under it.
func (c *Coordinator) locateQuery(q *query) (err error) {
	q.place = c.place(c.agent.Document(), q.key.stored().Position())
	if q.bucket, err = bucketOf(q.place.doc, q.key.bucket, q.bucket.Generation); err != nil {
		return err
	}
	q.knobs, err = resolveRead(q.bucket, q.place.doc.Settings, len(q.place.replicas), q.options)
	return err
}

// newWrite checks a put or delete and resolves what it needs. A bucket is made last:
// a request that is refused makes none.
func (c *Coordinator) newWrite(ctx context.Context, verb string, key keyName, value []byte, o request.WriteOptions) (*write, error) {
	if err := request.CheckWrite(o); err != nil {
		return nil, err
	}
	if err := key.check(); err != nil {
		return nil, err
	}
	w := &write{verb: verb, key: key, options: o, value: value, delete: verb == verbDelete}
	if w.delete && (o.TTL != 0 || !o.ExpiresAt.IsZero()) {
		return nil, fmt.Errorf("%w: what a delete leaves does not expire", request.ErrBadValue)
	}
	if err := c.locateWrite(w); err != nil {
		return nil, err
	}
	if limit := MaxValue(w.place.doc.Settings); int64(len(value)) > limit {
		return nil, fmt.Errorf("%w: it has %d bytes; the limit is %d", request.ErrTooLarge, len(value), limit)
	}
	if len(value) > request.WarnValue {
		c.log.Warn("large value", attrKey(key), attrBytes(len(value)))
	}
	w.latest = causal.StampOf(c.now().Add(w.knobs.timeout))
	if w.bucket.Generation == 0 {
		if o.Context != "" { // of a read: the bucket exists, in a document that is not here yet
			return nil, fmt.Errorf("%w: bucket %q, of which a context was read, is not known here", request.ErrNotReady, key.bucket)
		}
		if err := c.firstUse(ctx, w); err != nil {
			return nil, err
		}
	}
	if !w.delete {
		var err error
		if w.expiry, err = c.expiryOf(o, w.bucket); err != nil {
			return nil, err
		}
	}
	if err := c.takeContext(w); err != nil {
		return nil, err
	}
	c.identify(w)
	return w, nil
}

// firstUse makes the bucket of a put that can be its first. Neither a delete nor a put
// that wants a value to be there makes one.
func (c *Coordinator) firstUse(ctx context.Context, w *write) error {
	switch {
	case w.delete:
		return nil
	case w.options.IfMatch != "":
		return c.matchNothing(ctx, w)
	}
	expiry, err := c.expiryOf(w.options, w.bucket)
	if err == nil {
		err = c.past(expiry)
	}
	if err != nil {
		return err
	}
	if err := c.makeBucket(ctx, w.key.bucket, w.knobs.timeout); err != nil {
		return err
	}
	return c.locateWrite(w)
}

// locateWrite is locateQuery for a put or delete.
func (c *Coordinator) locateWrite(w *write) (err error) {
	w.place = c.placeWrite(c.agent.Document(), w.key.stored().Position())
	if w.bucket, err = bucketOf(w.place.doc, w.key.bucket, w.bucket.Generation); err != nil {
		return err
	}
	w.knobs, err = resolveWrite(w.bucket, w.place.doc.Settings, len(w.place.replicas), w.options)
	return err
}

// MaxValue is the largest value that a put may carry, in bytes.
func MaxValue(s ring.Settings) int64 {
	if s.MaxValueBytes > 0 {
		return s.MaxValueBytes
	}
	return request.MaxValue
}

// takeContext opens the token of the read that the write replaces.
func (c *Coordinator) takeContext(w *write) error {
	if w.options.Context == "" {
		if w.bucket.RequireContext && !w.delete && w.options.IfNoneMatch != "*" {
			return fmt.Errorf("%w: %s wants the context of a read with every put, or If-None-Match: * where the key holds nothing",
				request.ErrContextRequired, titled(w.bucket))
		}
		return nil
	}
	seen, err := causal.ParseToken(string(w.options.Context), w.place.doc.Secret, w.key.bucket, w.bucket.Generation, w.key.key)
	if err != nil {
		return fmt.Errorf("%w: %w", request.ErrBadContext, err)
	}
	w.seen = &seen
	return nil
}

// check refuses what can be neither key nor bucket.
func (k keyName) check() error {
	if err := request.CheckBucket(k.bucket); err != nil {
		return err
	}
	return request.CheckKey(k.key)
}
