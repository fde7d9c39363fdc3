package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/hengedb/henge/replication/agree"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// editTimeout is how long an operator's edit of the document may take, when nobody
// asks for less: time for the voters to settle several at once.
const editTimeout = 5 * time.Second

// Buckets lists every bucket by name. It fails with request.ErrNotReady while no
// document is held.
func (c *Coordinator) Buckets() ([]ring.Bucket, error) {
	doc := c.agent.Document()
	if doc == nil {
		return nil, fmt.Errorf("%w: no document is held", request.ErrNotReady)
	}
	return slices.Clone(doc.Buckets), nil
}

// Bucket tells what a bucket is. It fails with request.ErrNoBucket where there is none
// of this name, whether or not first use would make one.
func (c *Coordinator) Bucket(name string) (ring.Bucket, error) {
	if err := request.CheckBucket(name); err != nil {
		return ring.Bucket{}, err
	}
	doc := c.agent.Document()
	if doc == nil {
		return ring.Bucket{}, fmt.Errorf("%w: no document is held", request.ErrNotReady)
	}
	b, ok := doc.Bucket(name)
	if !ok {
		return ring.Bucket{}, noBucket(name)
	}
	return b, nil
}

// CreateBucket makes a bucket by decision of the voters and returns it. Making one that
// is there and equal is no error; one that differs in anything is request.ErrBucketExists.
// An empty policy is siblings.
func (c *Coordinator) CreateBucket(ctx context.Context, b ring.Bucket) (ring.Bucket, error) {
	if err := request.CheckBucket(b.Name); err != nil {
		return ring.Bucket{}, err
	}
	if b.Policy == "" {
		b.Policy = ring.PolicySiblings
	}
	return c.editBucket(ctx, b.Name, func(d *ring.Document) (*ring.Document, error) {
		held, exists := d.Bucket(b.Name)
		if !exists {
			return d.WithBucket(b)
		}
		b.Generation = held.Generation
		switch {
		case held == b:
			return nil, nil
		case held.Policy != b.Policy:
			return nil, otherPolicy(held, b.Policy)
		}
		return nil, fmt.Errorf("%w: %s has other properties; \"henge bucket set %s\" changes them", request.ErrBucketExists, titled(held), b.Name)
	})
}

// SetBucket changes a bucket by decision of the voters and returns it: what change
// makes of it. change may run several times. Another policy is request.ErrBucketExists.
func (c *Coordinator) SetBucket(ctx context.Context, name string, change func(ring.Bucket) (ring.Bucket, error)) (ring.Bucket, error) {
	if err := request.CheckBucket(name); err != nil {
		return ring.Bucket{}, err
	}
	return c.editBucket(ctx, name, func(d *ring.Document) (*ring.Document, error) {
		held, exists := d.Bucket(name)
		if !exists {
			return nil, noBucket(name)
		}
		b, err := change(held)
		switch {
		case err != nil || b == held:
			return nil, err
		case b.Policy != held.Policy:
			return nil, otherPolicy(held, b.Policy)
		}
		return d.WithBucketSet(b)
	})
}

// DropBucket drops a bucket with all that is in it, by decision of the voters: it is there
// for nobody who holds the document, and what is stored of it is removed behind. The
// default bucket is made anew, empty. A generation that is not 0 says which one is meant:
// that this is not there any more is no error then, whatever has its name.
func (c *Coordinator) DropBucket(ctx context.Context, name string, generation uint64) error {
	if err := request.CheckBucket(name); err != nil {
		return err
	}
	_, err := c.edit(ctx, func(d *ring.Document) (*ring.Document, error) {
		held, exists := d.Bucket(name)
		switch {
		case generation != 0 && held.Generation != generation:
			return nil, nil
		case !exists:
			return nil, noBucket(name)
		}
		return d.WithoutBucket(name)
	})
	return err
}

// otherPolicy says what a bucket's policy is and what can be done.
func otherPolicy(held ring.Bucket, policy string) error {
	return fmt.Errorf("%w: %s has the policy %s, which it keeps for its life: every object in it is joined so; make another bucket for %q",
		request.ErrBucketExists, titled(held), held.Policy, policy)
}

func (c *Coordinator) editBucket(ctx context.Context, name string, edit agree.Edit) (ring.Bucket, error) {
	doc, err := c.edit(ctx, edit)
	if err != nil {
		return ring.Bucket{}, err
	}
	b, ok := doc.Bucket(name)
	if !ok {
		return ring.Bucket{}, noBucket(name) // dropped at once by another
	}
	return b, nil
}

// Settings tells the cluster's own settings.
func (c *Coordinator) Settings() (ring.Settings, error) {
	doc := c.agent.Document()
	if doc == nil {
		return ring.Settings{}, fmt.Errorf("%w: no document is held", request.ErrNotReady)
	}
	return doc.Settings, nil
}

// SetSettings changes the cluster's settings by decision of the voters and returns
// them: what change makes of them. change may run several times.
func (c *Coordinator) SetSettings(ctx context.Context, change func(ring.Settings) (ring.Settings, error)) (ring.Settings, error) {
	doc, err := c.edit(ctx, func(d *ring.Document) (*ring.Document, error) {
		s, err := change(d.Settings)
		if err != nil || s == d.Settings {
			return nil, err
		}
		return d.WithSettings(s)
	})
	if err != nil {
		return ring.Settings{}, err
	}
	return doc.Settings, nil
}

// unnamed is what request.CodeOf calls an error that matches no sentinel.
const unnamed = "internal"

// edit has the voters decide an operator's edit. What the edit itself refuses without a
// sentinel is a value that cannot be.
func (c *Coordinator) edit(ctx context.Context, edit agree.Edit) (*ring.Document, error) {
	release, err := c.admit(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := c.within(ctx, editTimeout)
	defer cancel()
	refused := false
	propose := func(d *ring.Document) (*ring.Document, error) {
		if err := d.Editable(); err != nil {
			return nil, fmt.Errorf("%w: %w", request.ErrNotReady, err)
		}
		next, err := edit(d)
		if err != nil && request.CodeOf(err) == unnamed {
			err = fmt.Errorf("%w: %w", request.ErrBadValue, err)
		}
		refused = err != nil
		return next, err
	}
	doc, err := c.agent.Propose(ctx, propose)
	if refused && c.catchUpWithMembers(ctx) {
		doc, err = c.agent.Propose(ctx, propose)
	}
	if errors.Is(err, agree.ErrConflict) || errors.Is(err, agree.ErrNoDocument) {
		err = fmt.Errorf("%w: %w", request.ErrNotReady, err)
	}
	if lost, ok := errors.AsType[*agree.UndecidedError](err); ok {
		err = fmt.Errorf("%w: too few voters decide now: %w", request.ErrNotReady, err)
		if lost.Pending {
			err = &pending{err}
		}
	}
	return doc, err
}

// catchUpWithMembers asks every member that is up for a newer document than the one
// held, and reports whether there was one: an edit that does not fit may fit what was
// decided a moment ago elsewhere.
func (c *Coordinator) catchUpWithMembers(ctx context.Context) bool {
	held := c.agent.Document()
	ctx, cancel := c.within(ctx, request.DefaultTimeout)
	defer cancel()
	for _, m := range held.Members {
		if m.ID == c.self || !c.health.Up(m.ID) {
			continue
		}
		if err := c.agent.Pull(ctx, m.ID); err != nil {
			c.log.Warn("document cannot be pulled", slog.String("from", m.Name), attrErr(err))
		}
	}
	return c.agent.Document().Version > held.Version
}

// pending is an edit that may yet be decided. It says so itself.
type pending struct{ err error }

func (p *pending) Error() string { return p.err.Error() }
func (p *pending) Unwrap() error { return p.err }

// WriteOutcome is what the refusal alone does not tell.
func (p *pending) WriteOutcome() request.Outcome { return request.Unknown }
