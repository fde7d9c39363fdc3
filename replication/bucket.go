package replication

import (
	"context"
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
		return ring.Bucket{}, fmt.Errorf("%w: %q; auto_buckets is off", request.ErrNoBucket, name)
	}
	return b, nil
}

// makeBucket waits until the document held lists the bucket: for its one proposal,
// starting it if need be, and no longer than the request has. The proposal outlives a
// caller that gives up: the next one finds it done.
func (c *Coordinator) makeBucket(ctx context.Context, name string, timeout time.Duration) error {
	ctx, cancel := c.within(ctx, timeout)
	defer cancel()
	c.buckets.mu.Lock()
	if c.buckets.under == nil {
		c.buckets.under = make(map[string]*making)
	}
	m := c.buckets.under[name]
	if m == nil {
		m = &making{done: make(chan struct{})}
		c.buckets.under[name] = m
		c.tasks.Go(func() { c.proposeBucket(name, m) })
	}
	c.buckets.mu.Unlock()
	var err error
	select {
	case <-m.done:
		err = m.err
	case <-ctx.Done():
		err = c.ended(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w: bucket %q cannot be made now: %w", request.ErrNotReady, name, err)
	}
	return nil
}

// proposeBucket has the voters decide a document that lists the bucket.
func (c *Coordinator) proposeBucket(name string, m *making) {
	ctx, cancel := clock.WithTimeout(c.life, c.clock, proposeTimeout)
	defer cancel()
	_, m.err = c.agent.Propose(ctx, func(d *ring.Document) (*ring.Document, error) {
		if _, exists := d.Bucket(name); exists {
			return nil, nil
		}
		return d.WithBucket(ring.Bucket{Name: name, Policy: "siblings"})
	})
	c.buckets.mu.Lock()
	delete(c.buckets.under, name)
	c.buckets.mu.Unlock()
	close(m.done)
}

// proposeTimeout is how long a first use waits for the voters: as long as a
// request does.
const proposeTimeout = request.DefaultTimeout
