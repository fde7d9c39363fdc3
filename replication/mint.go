package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// write is one put or delete on its way through the coordinator.
type write struct {
	verb    string
	key     keyName
	bucket  ring.Bucket
	place   placement
	knobs   knobs
	opName  string
	op      causal.OpID
	options request.WriteOptions
	seen    *causal.Seen   // by the read that it replaces; nil: what the coordinator holds
	base    *causal.Object // what a delete's own read found: it is replaced too
	// latest is when nobody mints it any more: the client has given up by then. It is by
	// the wall: the store's clock is seconds ahead of that where a node has just started.
	latest  causal.Stamp
	expiry  int64 // Unix milliseconds; 0 is never
	value   []byte
	meta    []causal.Pair
	delete  bool
	shipped bool          // some replica may hold it
	created bool          // nothing was shown before
	owed    []ring.NodeID // absent primaries that no fallback stands for
	stands  []ring.NodeID // of a coordinator that is a fallback: the primaries it stands for
}

// minted is what a write became on this node.
type minted struct {
	object *causal.Object
	commit *storage.Commit
}

// mint puts the write into this node's own copy: the object of a primary, the hint
// of a fallback. It is one local read and one local commit, under the key's lock.
func (c *Coordinator) mint(ctx context.Context, w *write) (*minted, error) {
	if err := c.inTime(); err != nil {
		return nil, err
	}
	m := &minted{}
	kind := storage.KindPut
	if w.delete {
		kind = storage.KindDelete
	}
	change := func(tx *storage.Tx) error { return c.mintObject(tx, w, m) }
	if !w.place.holds {
		change = func(tx *storage.Tx) error { return c.mintHint(tx, w, m) }
	}
	commit, err := c.store.Write(ctx, w.key.stored(), kind, change)
	if errors.Is(err, storage.ErrNotHeld) {
		return nil, errStale // the document says that this node serves, and the store does not go by it yet
	}
	if errors.Is(err, storage.ErrEpoch) { // a round began since the delete's own read, which is made again
		w.base = nil
		return nil, errStale
	}
	if err != nil {
		return nil, refusal(err)
	}
	m.commit = commit
	return m, nil
}

func (c *Coordinator) mintObject(tx *storage.Tx, w *write, m *minted) error {
	if tx.Partition().Entry.Changed > w.place.doc.Version {
		return errStale
	}
	next, err := c.apply(w, tx.Object(), tx.Partition().Epochs.Raised, tx.Mint, m)
	if err != nil {
		return err
	}
	tx.SetObject(next)
	if len(w.owed) > 0 {
		tx.SetHint(owe(tx.Hint(), w.owed, w.knobs.need, c.store.Now(), c.rand()))
	}
	return nil
}

func (c *Coordinator) mintHint(tx *storage.Tx, w *write, m *minted) error {
	if tx.Partition().Entry.Changed > w.place.doc.Version {
		return errStale
	}
	if tx.Partition().Entry.Takes(c.self) {
		return errStale // in a set of the partition nobody mints from a hint, and only who serves mints at all (R1)
	}
	if c.goes() {
		return fmt.Errorf("%w: this node goes, or has left, and keeps no hint", request.ErrNotReady)
	}
	held := tx.Hint()
	var object *causal.Object
	if held != nil {
		object = held.Object
	}
	next, err := c.apply(w, object, tx.Partition().Epochs.Raised, tx.MintHint, m)
	if err != nil {
		return err
	}
	tx.SetHint(keep(held, next, w.stands, w.knobs.need, c.store.Now(), c.rand()))
	return nil
}

// apply decides what the write makes of what is held. An operation that is known
// already mints nothing, whatever its preconditions say now.
func (c *Coordinator) apply(w *write, held *causal.Object, at causal.Epoch, mint func(causal.Context) (causal.Dot, causal.Stamp, error), m *minted) (*causal.Object, error) {
	if listed, _ := c.agent.Document().Bucket(w.key.bucket); listed.Generation != w.bucket.Generation {
		return nil, fmt.Errorf("%w: bucket %q was dropped", request.ErrNoBucket, w.key.bucket)
	}
	if held != nil && held.Generation > w.bucket.Generation {
		return nil, fmt.Errorf("%w: bucket %q was made anew", request.ErrNoBucket, w.key.bucket)
	}
	if held != nil && held.Generation < w.bucket.Generation {
		held = nil
	}
	if _, known := held.Find(w.op); known {
		m.object = held
		return held, nil
	}
	if causal.StampOf(c.clock.Now()) > w.latest {
		return nil, fmt.Errorf("%w: the deadline passed before it was minted", request.ErrTimeout)
	}
	if err := c.past(w.expiry); err != nil {
		return nil, err
	}
	held = causal.Join(held, w.base)
	live := held.Live(c.store.Now().Time().UnixMilli())
	if err := w.precondition(live); err != nil {
		return nil, err
	}
	dot, stamp, err := mint(w.saw())
	if err != nil {
		return nil, fmt.Errorf("mint: %w", err)
	}
	next := held.Put(w.sibling(dot, stamp, at))
	if err := checkGrowth(held, next); err != nil {
		return nil, err
	}
	m.object, w.created = next, len(live) == 0
	return next, nil
}

// saw is what the writer has seen, wherever: its own dot is none of that, and its
// stamp is above.
func (w *write) saw() causal.Context {
	var saw causal.Context
	if w.base != nil {
		saw = w.base.Context
	}
	if w.seen != nil {
		saw = saw.Join(w.seen.Context)
	}
	return saw
}

func (w *write) sibling(dot causal.Dot, stamp causal.Stamp, at causal.Epoch) causal.Write {
	return causal.Write{
		Dot: dot, Stamp: stamp, Op: w.op, Seen: w.seen,
		Policy: policyOf(w.bucket), Generation: w.bucket.Generation, Epoch: at,
		Expiry: w.expiry, Tombstone: w.delete, ContentType: w.options.ContentType, Meta: w.meta, Value: w.value,
	}
}

// precondition holds If-Match and If-None-Match against what would be shown now.
// It is the coordinator's word and no lock: two coordinators may both say yes.
func (w *write) precondition(live []causal.Sibling) error {
	tag := etagOf(live)
	if want := w.options.IfMatch; want != "" && (tag == "" || (want != "*" && want != tag)) {
		return fmt.Errorf("%w: If-Match %q, but the value has ETag %q", request.ErrPrecondition, want, tag)
	}
	if want := w.options.IfNoneMatch; want != "" && tag != "" && (want == "*" || want == tag) {
		return fmt.Errorf("%w: If-None-Match %q, but a value with ETag %q exists", request.ErrPrecondition, want, tag)
	}
	return nil
}

// checkGrowth refuses a client's put that leaves more siblings, or more bytes of
// them, than the limits allow and than there were. A join is never refused.
func checkGrowth(held, next *causal.Object) error {
	before, after := countOf(held), countOf(next)
	if after.siblings > request.MaxSiblings && after.siblings > before.siblings {
		return fmt.Errorf("%w: %d; read the key, merge them, and write with the read's context", request.ErrSiblingLimit, after.siblings)
	}
	if after.siblings > 1 && after.bytes > request.MaxSiblingBytes && after.bytes > before.bytes {
		return fmt.Errorf("%w: %d of %d bytes together; merge them first", request.ErrSiblingLimit, after.siblings, after.bytes)
	}
	return nil
}

type growth struct{ siblings, bytes int }

func countOf(o *causal.Object) growth {
	var g growth
	if o == nil {
		return g
	}
	for i := range o.Siblings {
		g.siblings++
		g.bytes += o.Siblings[i].Size
	}
	return g
}

// keep joins an object into the hint that a fallback keeps for its targets. A join
// that adds something clears the notes of who holds it already; one that adds
// nothing leaves the hint as it is.
func keep(held *storage.Hint, object *causal.Object, targets []ring.NodeID, w int, now causal.Stamp, mark uint64) *storage.Hint {
	if held != nil {
		object = causal.Join(held.Object, object)
		if object == held.Object && w <= held.W && containsAll(held.Targets, targets) {
			return held
		}
	}
	next := owe(held, targets, w, now, mark)
	next.Object = object
	return next
}

func containsAll(set, wanted []ring.NodeID) bool {
	return !slices.ContainsFunc(wanted, func(id ring.NodeID) bool { return !slices.Contains(set, id) })
}

// owe adds targets to a hint and gives it a new mark. Without an object it stands
// for what its holder, a primary, stores under the key.
func owe(held *storage.Hint, targets []ring.NodeID, w int, now causal.Stamp, mark uint64) *storage.Hint {
	next := storage.Hint{Since: now}
	if held != nil {
		next = *held
	}
	next.Targets = slices.Clone(next.Targets)
	for _, target := range targets {
		if !slices.Contains(next.Targets, target) {
			next.Targets = append(next.Targets, target)
		}
	}
	slices.Sort(next.Targets)
	next.W = max(next.W, w)
	next.Noted, next.Mark = nil, mark
	return &next
}

func policyOf(b ring.Bucket) causal.Policy {
	if b.Policy == "lww" {
		return causal.LWW
	}
	return causal.Siblings
}

func (k keyName) stored() storage.Key { return storage.Key{Bucket: k.bucket, Key: k.key} }

// refusal maps what the store says to what a client is told.
func refusal(err error) error {
	for _, row := range []struct{ from, to error }{
		{storage.ErrFull, request.ErrFull},
		{storage.ErrCorrupt, request.ErrCorrupt},
		{storage.ErrFailed, request.ErrStoreFailed},
		{storage.ErrClosed, request.ErrClosed},
		{storage.ErrNoDocument, request.ErrNotReady}, // the first one is held, and is installed next
		{storage.ErrFenced, request.ErrNotReady},
		{context.DeadlineExceeded, request.ErrTimeout},
	} {
		if errors.Is(err, row.from) {
			return fmt.Errorf("%w: %w", row.to, err)
		}
	}
	return err
}
