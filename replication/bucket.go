package replication

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// bucketMaker keeps one proposal a bucket under way, however many requests ask
// for it at once.
type bucketMaker struct {
	mu    sync.Mutex
	under map[string]*making
}

// making is a proposal under way; done closes when err is set.
type making struct {
	done chan struct{}
	err  error
}

// bucketOf finds a bucket in a document. One that is still to be made has generation
// 0 and the cluster's properties. A request that knows the bucket's generation goes
// on with no other.
func bucketOf(doc *ring.Document, name string, known uint64) (ring.Bucket, error) {
	b, _ := doc.Bucket(name)
	switch {
	case known != 0 && b.Generation != known:
		return ring.Bucket{}, fmt.Errorf("%w: bucket %q was dropped", request.ErrNoBucket, name)
	case b.Generation == 0 && !doc.Settings.AutoBuckets:
		return ring.Bucket{}, noBucket(name)
	}
	return b, nil
}

// noBucket says how to make what is missing.
func noBucket(name string) error {
	return fmt.Errorf("%w: %q; make it with \"henge bucket create %s\", or PUT /v1/buckets/%s", request.ErrNoBucket, name, name, name)
}

// titled names a bucket and who answers for it, for errors.
func titled(b ring.Bucket) string {
	if b.Owner == "" {
		return fmt.Sprintf("bucket %q", b.Name)
	}
	return fmt.Sprintf("bucket %q (owner %s)", b.Name, b.Owner)
}

// floor is the lowest generation that a read counts. Of a bucket that the document
// does not list that is the next document's: what is older was dropped with its bucket.
func (q *query) floor() uint64 {
	if q.bucket.Generation == 0 {
		return q.place.doc.Version + 1
	}
	return q.bucket.Generation
}

// learnBucket is for a read that found a value in a bucket which its document does
// not list: it was made in a newer one. That is held by now, or is pulled from who had
// the value.
func (c *Coordinator) learnBucket(ctx context.Context, q *query, f *found) error {
	listed := func() bool {
		_, is := c.agent.Document().Bucket(q.key.bucket)
		return is
	}
	if listed() {
		return errStale
	}
	for _, a := range f.round.asks {
		if a.state != askOK || a.node == c.self || a.answer.object == nil {
			continue
		}
		if err := c.agent.Pull(ctx, a.node); err != nil {
			c.log.Warn("newer document cannot be pulled", attrKey(q.key), attrErr(err))
			continue
		}
		if listed() {
			return errStale
		}
	}
	return fmt.Errorf("%w: bucket %q is of a document that cannot be had now", request.ErrNotReady, q.key.bucket)
}

// matchNothing answers a put whose If-Match speaks of a bucket that the document held
// does not list: it makes none. Nil says that the bucket has been learned of.
func (c *Coordinator) matchNothing(ctx context.Context, w *write) error {
	ctx, cancel := c.within(ctx, w.knobs.timeout)
	defer cancel()
	q := &query{key: w.key, options: request.ReadOptions{NoValue: true, Strict: request.SwitchOf(w.knobs.strict), Timeout: w.knobs.timeout, Trace: w.options.Trace}}
	if err := c.locateQuery(q); err != nil {
		return err
	}
	_, err := c.routeGet(ctx, q)
	switch {
	case errors.Is(err, request.ErrNotFound):
		return w.precondition(nil)
	case err != nil:
		return err
	}
	if err := c.locateWrite(w); err != nil || w.bucket.Generation != 0 {
		return err
	}
	return fmt.Errorf("%w: bucket %q is of a document that is not here yet", request.ErrNotReady, w.key.bucket)
}

// makeBucket waits until the document held lists the bucket, no longer than the request
// has. One that has longer than a proposal is not refused before its time.
func (c *Coordinator) makeBucket(ctx context.Context, name string, timeout time.Duration) error {
	ctx, cancel := c.within(ctx, timeout)
	defer cancel()
	for {
		var err error
		m := c.making(name)
		select {
		case <-m.done:
			err = m.err
		case <-ctx.Done():
			err = c.ended(ctx)
		}
		switch {
		case err == nil:
			return nil
		case timeout > proposeTimeout && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		default:
			return fmt.Errorf("%w: bucket %q cannot be made now: %w", request.ErrNotReady, name, err)
		}
	}
}

// making is the one proposal of a bucket that is under way; it begins one if need be.
// It outlives a caller that gives up: the next one finds it done.
func (c *Coordinator) making(name string) *making {
	c.buckets.mu.Lock()
	defer c.buckets.mu.Unlock()
	if c.buckets.under == nil {
		c.buckets.under = make(map[string]*making)
	}
	m := c.buckets.under[name]
	if m == nil {
		m = &making{done: make(chan struct{})}
		c.buckets.under[name] = m
		c.tasks.Go(func() { c.proposeBucket(name, m) })
	}
	return m
}

// proposeBucket has the voters decide a document that lists the bucket.
func (c *Coordinator) proposeBucket(name string, m *making) {
	ctx, cancel := clock.WithTimeout(c.life, c.clock, proposeTimeout)
	defer cancel()
	_, m.err = c.agent.Propose(ctx, func(d *ring.Document) (*ring.Document, error) {
		if _, exists := d.Bucket(name); exists {
			return nil, nil
		}
		return d.WithBucket(ring.Bucket{Name: name, Policy: ring.PolicySiblings})
	})
	c.buckets.mu.Lock()
	delete(c.buckets.under, name)
	c.buckets.mu.Unlock()
	close(m.done)
}

// proposeTimeout is how long one proposal of a first use waits for the voters: as long
// as a request does that does not say.
const proposeTimeout = request.DefaultTimeout
