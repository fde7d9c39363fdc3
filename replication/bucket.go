package replication

import (
	"context"
	"fmt"
	"sync"

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

// bucket finds a bucket in the document. With auto_buckets its first use makes it,
// by a decision of the voters.
func (c *Coordinator) bucket(ctx context.Context, name string) (ring.Bucket, error) {
	doc := c.agent.Document()
	if b, ok := doc.Bucket(name); ok {
		return b, nil
	}
	if !doc.Settings.AutoBuckets {
		return ring.Bucket{}, fmt.Errorf("%w: %q; auto_buckets is off", request.ErrNoBucket, name)
	}
	if err := c.makeBucket(ctx, name); err != nil {
		return ring.Bucket{}, fmt.Errorf("%w: bucket %q cannot be made now: %w", request.ErrNotReady, name, err)
	}
	b, ok := c.agent.Document().Bucket(name)
	if !ok {
		return ring.Bucket{}, fmt.Errorf("%w: %q", request.ErrNoBucket, name)
	}
	return b, nil
}

// makeBucket waits for the one proposal of this bucket, starting it if need be. The
// proposal outlives a caller that gives up: the next one finds it done.
func (c *Coordinator) makeBucket(ctx context.Context, name string) error {
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
	select {
	case <-m.done:
		return m.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
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
