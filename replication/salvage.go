package replication

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hengedb/henge/replication/governor"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// The bounds of one look at a set: it comes back with a place to go on from.
const (
	salvageKeys = 4096
	salvageFor  = 2 * time.Second
	salvageMost = 256 // values that are lacking
)

// Salvage lists what this node has set aside of partitions of which it had lost memory,
// and how far those are that it is fenced in.
func (c *Coordinator) Salvage() (request.Salvage, error) {
	sets, err := c.store.Asides()
	if err != nil {
		return request.Salvage{}, refusal(err)
	}
	s := request.Salvage{Sets: []request.SalvageSet{}}
	for _, a := range sets {
		s.Sets = append(s.Sets, request.SalvageSet{
			Set: a.Set, Partition: a.Partition, Since: a.Since, Why: a.Why, Objects: a.Objects, Hints: a.Hints, Bytes: a.Bytes, Complete: a.Ended,
		})
	}
	for _, f := range c.fence.States() {
		s.Fenced = append(s.Fenced, request.FencedPartition{
			Partition: f.Partition, Step: string(f.Step), Aside: f.Aside, Refilled: f.Refilled, Waits: f.Waits, Alone: f.Alone,
		})
	}
	return s, nil
}

// setAside counts what Salvage lists.
func (c *Coordinator) setAside() (request.SetAside, error) {
	sum := request.SetAside{Fenced: len(c.store.Fenced())}
	sets, err := c.store.Asides()
	for _, a := range sets {
		sum.Sets, sum.Objects, sum.Hints, sum.Bytes = sum.Sets+1, sum.Objects+a.Objects, sum.Hints+a.Hints, sum.Bytes+a.Bytes
	}
	return sum, err
}

// Lacking looks through a part of a set for values that a quorum of the replicas knows
// nothing of. It fails with request.ErrBadValue for a set or place that is none.
func (c *Coordinator) Lacking(ctx context.Context, o request.SalvageOptions) (request.Salvaged, error) {
	return c.salvage(ctx, o, nil)
}

// RestoreSet is Lacking, and writes what is lacking back, as new values beside those that
// are there. Restoring again what was restored changes nothing.
func (c *Coordinator) RestoreSet(ctx context.Context, o request.SalvageOptions) (request.Salvaged, error) {
	return c.salvage(ctx, o, c.restoreValue)
}

// DiscardSet forgets a set. It fails with request.ErrBadValue when there is none, and with
// request.ErrNotReady while its partition is still being filled.
func (c *Coordinator) DiscardSet(ctx context.Context, set uint32) error {
	return salvageError(c.store.DropAside(ctx, set))
}

// OpenFenced has this node serve a fenced partition as far as it is filled, because nobody
// is left who could fill it. It fails with request.ErrUnsafe where somebody is.
func (c *Coordinator) OpenFenced(_ context.Context, p ring.Partition) error {
	if !c.fence.Open(p) {
		return fmt.Errorf("%w: partition %d is not one that waits in vain for another replica", request.ErrUnsafe, p)
	}
	return nil
}

// salvageError tells in a client's words what the store says of a set.
func salvageError(err error) error {
	if errors.Is(err, storage.ErrNoSet) {
		return fmt.Errorf("%w: %w", request.ErrBadValue, err)
	}
	return refusal(err)
}

// asideSibling is one value of a set.
type asideSibling struct {
	key     keyName
	bucket  ring.Bucket
	sibling causal.Sibling
	policy  causal.Policy
}

// salvage looks through a part of a set, and does something with each value that is
// lacking.
func (c *Coordinator) salvage(ctx context.Context, o request.SalvageOptions, each func(context.Context, asideSibling) error) (request.Salvaged, error) {
	found := request.Salvaged{Set: o.Set}
	done, err := c.work(ctx)
	if err == nil {
		err = c.serving()
	}
	if err != nil {
		return found, err
	}
	defer done()
	after, err := asidePlaceFrom(o.After)
	if err != nil {
		return found, err
	}
	budget, until := c.governor.For(governor.Transfers), c.clock.Now().Add(salvageFor)
	for {
		page, more, err := c.store.AsidePage(ctx, o.Set, after)
		if err != nil {
			return found, salvageError(err)
		}
		for _, r := range page {
			if err := budget.Wait(ctx); err != nil {
				return found, err
			}
			after = r.At()
			budget.Pay(objectSize(r.Kept()))
			if (o.Bucket == "" || o.Bucket == r.Key.Bucket) && strings.HasPrefix(r.Key.Key, o.Prefix) {
				found.Looked++
				c.salvageRecord(ctx, r, &found, each)
			}
			if found.Looked >= salvageKeys || len(found.Lacking) >= salvageMost || c.clock.Now().After(until) {
				found.Next = asidePlaceText(after)
				return found, context.Cause(ctx)
			}
		}
		if !more {
			return found, nil
		}
	}
}

// salvageRecord compares one record with what a quorum of the replicas holds.
func (c *Coordinator) salvageRecord(ctx context.Context, r storage.AsideRecord, found *request.Salvaged, each func(context.Context, asideSibling) error) {
	kept := r.Kept()
	doc := c.agent.Document()
	bucket, listed := doc.Bucket(r.Key.Bucket)
	if kept == nil || !listed || bucket.Generation != kept.Generation {
		return // of a bucket that was dropped nothing is missed
	}
	key := keyName{r.Key.Bucket, r.Key.Key}
	now := c.store.Now().Time().UnixMilli()
	var object *causal.Object
	var read bool
	for _, s := range kept.Live(now) {
		value := request.LackingValue{
			Bucket: key.bucket, Key: key.key, ID: idOf(s.Dot), Modified: s.Stamp.Time(), ContentType: s.ContentType, Size: s.Size,
		}
		var err error
		if !read {
			object, err = c.readForSalvage(ctx, key)
			read = err == nil
		}
		one := asideSibling{key: key, bucket: bucket, sibling: s, policy: kept.Policy}
		if err == nil && knows(object, one, c.restoreOp(doc, one)) {
			continue
		}
		if err == nil && each != nil {
			if err = each(ctx, one); err == nil {
				value.Restored = true
				found.Restored++
			}
		}
		if err != nil {
			value.Error = err.Error()
		}
		found.Lacking = append(found.Lacking, value)
	}
}

// readForSalvage is what a quorum of the replicas holds; hints of fallbacks are none of it.
func (c *Coordinator) readForSalvage(ctx context.Context, key keyName) (*causal.Object, error) {
	q, err := c.newQuery(key, request.ReadOptions{R: request.Quorum, Strict: request.On})
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.within(ctx, q.knobs.timeout)
	defer cancel()
	f, err := c.read(ctx, q)
	if err != nil {
		return nil, err
	}
	return f.object, nil
}

// knows reports whether the replicas know of a value: they have it, or a write that saw it,
// or it was restored.
func knows(o *causal.Object, one asideSibling, restored causal.OpID) bool {
	if o == nil {
		return false
	}
	if o.Context.Covers(one.sibling.Dot) {
		return true
	}
	if one.policy == causal.LWW && o.MaxStamp() > one.sibling.Stamp {
		return true // it is outranked
	}
	for _, op := range []causal.OpID{one.sibling.Op, restored} {
		if _, known := o.Find(op); known {
			return true
		}
	}
	return false
}

// restoreName names the operation that writes a value back: the same one however often.
func restoreName(one asideSibling) string { return "salvage-" + idOf(one.sibling.Dot) }

func (c *Coordinator) restoreOp(doc *ring.Document, one asideSibling) causal.OpID {
	return causal.NewOpID(string(doc.Secret), restoreName(one), verbPut, one.sibling.Value)
}

// restoreValue writes a value back as one that has seen nothing: it replaces nothing.
func (c *Coordinator) restoreValue(ctx context.Context, one asideSibling) error {
	s := one.sibling
	nothing := causal.Seen{}.Token(c.agent.Document().Secret, one.key.bucket, one.bucket.Generation, one.key.key)
	meta := make(map[string]string, len(s.Meta))
	for _, pair := range s.Meta {
		meta[pair.Name] = pair.Value
	}
	o := request.WriteOptions{
		Context: request.Context(nothing), ContentType: s.ContentType, Meta: meta, OpID: restoreName(one), ExpiresAt: expires(s.Expiry),
	}
	if s.Expiry == 0 {
		o.TTL = request.NoTTL
	}
	_, err := c.Put(ctx, one.key.bucket, one.key.key, s.Value, o)
	return err
}

// asidePlaceText is a place in a set that a client brings back.
func asidePlaceText(at storage.AsideAt) string {
	if at.Hint {
		return "h." + placeText(at.Key)
	}
	return "o." + placeText(at.Key)
}

func asidePlaceFrom(text string) (storage.AsideAt, error) {
	if text == "" {
		return storage.AsideAt{}, nil
	}
	section, rest, _ := strings.Cut(text, ".")
	key, err := placeFrom(rest)
	if err != nil || section != "h" && section != "o" || rest == "" {
		return storage.AsideAt{}, fmt.Errorf("%w: %.40q is no place to go on from", request.ErrBadValue, text)
	}
	return storage.AsideAt{Hint: section == "h", Key: key}, nil
}
