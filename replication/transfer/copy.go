package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// copied is how far the copy of one partition has come, by old replica. It is saved
// beside the objects, after those it tells of.
type copied struct {
	Changed uint64                   `json:"changed"` // the entry's
	Sources map[ring.NodeID]*sources `json:"sources"`
	Bytes   uint64                   `json:"bytes,omitempty"` // taken in

	size uint64 // as large as the first source guesses

	// seen are the digests, which cover bucket and key, of what this start has joined
	// from one replica: what another has just so need not be read to be compared. It is
	// the job's alone, of which a partition has one at a time.
	seen map[causal.Digest]struct{}
}

// seenMost bounds what is seen, about 3 MiB; what comes after it is read.
const seenMost = 1 << 16

// sources is how far the comparison with one replica has come.
type sources struct {
	After place `json:"after,omitzero"`
	Done  bool  `json:"done,omitempty"`
}

// metaName is where a partition's copied is saved.
func metaName(p ring.Partition) string { return fmt.Sprintf("transfer/%d", p) }

// copyOf is the partition's copied for this change of its entry, from the disk where
// an earlier start left one.
func (t *Transfer) copyOf(j job) (*copied, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.copies[j.partition]; c != nil && c.Changed == j.changed {
		return c, nil
	}
	c := &copied{}
	raw, err := t.o.Store.Meta(metaName(j.partition))
	if err != nil {
		return nil, err
	}
	if len(raw) > 0 && json.Unmarshal(raw, c) == nil && c.Changed == j.changed && len(c.Sources) > 0 {
		t.resumed.Add(1)
	} else {
		c = &copied{Changed: j.changed, Sources: map[ring.NodeID]*sources{}}
	}
	c.seen = map[causal.Digest]struct{}{}
	t.copies[j.partition] = c
	return c, nil
}

// compared reports whether a copy was compared with every old replica that is up, and
// with a majority of them.
func (t *Transfer) compared(doc *ring.Document, p ring.Partition) bool {
	e := doc.Entry(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.copies[p]
	if c == nil || c.Changed != e.Changed {
		return false
	}
	var done []ring.NodeID
	for id, s := range c.Sources {
		if s.Done {
			done = append(done, id)
		}
	}
	return Compared(doc, e, t.self, done, t.o.Cluster.Up)
}

// Compared reports whether a copy at node was compared with every node of Serving that
// is up, and with a majority of Serving, the node itself included.
func Compared(doc *ring.Document, e ring.Entry, node ring.NodeID, with []ring.NodeID, up func(ring.NodeID) bool) bool {
	n := 0
	for _, id := range e.Serving {
		switch {
		case id == node || slices.Contains(with, id):
			n++
		case up(id) && !doc.IsExpelled(id):
			return false
		}
	}
	return n >= doc.MajorityOf(e.Serving)
}

// copyPartition compares this node's copy with every old replica that is up.
func (t *Transfer) copyPartition(j job) error {
	doc, e, err := t.entry(j)
	if err != nil {
		return err
	}
	c, err := t.copyOf(j)
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range e.Serving {
		if id == t.self || !t.o.Cluster.Up(id) {
			continue
		}
		t.mu.Lock()
		s := c.Sources[id]
		if s == nil {
			s = &sources{}
			c.Sources[id] = s
		}
		first, done := len(c.Sources) == 1, s.Done
		t.mu.Unlock()
		if done {
			continue
		}
		if err := t.copyFrom(j, c, id, s, !first); err != nil {
			if errors.Is(err, errMoved) {
				c.seen = nil
				return err
			}
			errs = append(errs, fmt.Errorf("from %s: %w", id, err))
		}
	}
	if t.compared(doc, j.partition) {
		c.seen = nil // it is compared again only with who comes up meanwhile
		t.mu.Lock()
		t.total.Copied++
		t.mu.Unlock()
	}
	return errors.Join(errs...)
}

// copyFrom takes pieces from one old replica until there are no more: its objects, or
// only those whose digests differ from what is here.
func (t *Transfer) copyFrom(j job, c *copied, from ring.NodeID, s *sources, digests bool) error {
	for pieces := 1; ; pieces++ {
		doc, _, err := t.entry(j)
		if err != nil {
			return err
		}
		if err := t.o.Budget.Wait(t.life); err != nil {
			return err
		}
		head, rows, err := t.ask(from, ask{Kind: kindPage, Partition: j.partition, After: s.After, Digests: digests}, nil)
		if err != nil {
			return err
		}
		t.pieces.Add(1)
		if digests {
			err = t.fetch(j, c, doc, from, rows)
		} else {
			err = t.joinAll(j, c, doc, rows)
		}
		if err != nil {
			return err
		}
		t.mu.Lock()
		c.size = max(c.size, head.Bytes)
		if len(rows) > 0 {
			s.After = placeOf(rows[len(rows)-1].key)
		}
		s.Done = !head.More
		t.mu.Unlock()
		if !head.More || pieces%saveEvery == 0 {
			if err := t.save(j, c); err != nil {
				return err
			}
		}
		if !head.More {
			return nil
		}
	}
}

// save keeps a copy's places for the next start. The log has what they stand for
// before them.
func (t *Transfer) save(j job, c *copied) error {
	t.mu.Lock()
	raw, err := json.Marshal(c)
	t.mu.Unlock()
	if err != nil {
		return fmt.Errorf("save a transfer's place: %w", err)
	}
	return t.o.Store.SaveMeta(t.life, metaName(j.partition), raw)
}

// fetch asks for the objects behind those digests that are not here.
func (t *Transfer) fetch(j job, c *copied, doc *ring.Document, from ring.NodeID, rows []row) error {
	var want []row
	read := 0
	for _, r := range rows {
		if _, seen := c.seen[r.digest]; seen {
			continue
		}
		o, err := t.o.Store.Read(t.life, r.key)
		if err != nil {
			return err
		}
		read += size(row{key: r.key, object: o})
		if o.Digest(doc.Secret, r.key.Bucket, r.key.Key) != r.digest {
			want = append(want, row{key: r.key})
		}
	}
	t.o.Budget.Pay(compareCost(read))
	for len(want) > 0 {
		if err := t.o.Budget.Wait(t.life); err != nil {
			return err
		}
		_, got, err := t.ask(from, ask{Kind: kindFetch, Partition: j.partition}, want)
		if err != nil {
			return err
		}
		if len(got) == 0 || len(got) > len(want) {
			return fmt.Errorf("%w: %d objects of %d", errMessage, len(got), len(want))
		}
		if err := t.joinAll(j, c, doc, got); err != nil {
			return err
		}
		want = want[len(got):]
	}
	return nil
}

// joinAll joins objects into this node's copy, as long as the entry is the job's. It
// does not wait for the disk: a report is given after a sync.
func (t *Transfer) joinAll(j job, c *copied, doc *ring.Document, rows []row) error {
	for _, r := range rows {
		if r.object == nil || dropped(doc, r.key.Bucket, r.object) {
			continue
		}
		if r.key.Position().Partition(doc.Partitions) != j.partition {
			return fmt.Errorf("%w: a key of another partition", errMessage)
		}
		_, err := t.o.Store.Write(t.life, r.key, storage.KindRepair, func(tx *storage.Tx) error {
			if p := tx.Partition(); p.Entry.Changed != j.changed || !p.Entry.Takes(t.self) {
				return errMoved
			}
			if dropped(t.o.Cluster.Document(), r.key.Bucket, r.object) {
				return nil
			}
			tx.SetObject(causal.Join(tx.Object(), r.object))
			return nil
		})
		if err != nil {
			return err
		}
		if c.seen != nil && len(c.seen) < seenMost {
			c.seen[r.object.Digest(doc.Secret, r.key.Bucket, r.key.Key)] = struct{}{}
		}
	}
	n := sizes(rows)
	t.o.Budget.Pay(n)
	t.bytesIn.Add(int64(n))
	t.mu.Lock()
	c.Bytes += uint64(n) //nolint:gosec // a sum of lengths
	t.mu.Unlock()
	return nil
}

// size is about what a row takes in a message.
func size(r row) int {
	n := 32 + len(r.key.Bucket) + len(r.key.Key)
	if r.object != nil {
		n += 64
		for i := range r.object.Siblings {
			n += 64 + len(r.object.Siblings[i].Value)
		}
	}
	return n
}
