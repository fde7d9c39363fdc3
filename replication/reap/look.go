package reap

import (
	"fmt"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// The bounds of a page that is looked through.
const (
	pageKeys  = 1024
	pageBytes = 1 << 20
)

// due lists the partitions that this node leads, and that have something that may be old
// enough now.
func (r *Reap) due(doc *ring.Document) []ring.Partition {
	now, grace := r.o.Clock.Now(), doc.Settings.Grace()
	r.mu.Lock()
	defer r.mu.Unlock()
	if grace != r.grace {
		clear(r.ripe)
		r.grace = grace
	}
	var due []ring.Partition
	for i, e := range doc.Layout {
		p := ring.Partition(i) //nolint:gosec // there are few
		if len(e.Serving) == 0 || e.Serving[0] != r.o.Self || now.Before(r.ripe[p]) {
			continue
		}
		if residue, known := r.o.Store.Residue(p); known && residue != (storage.Residue{}) {
			due = append(due, p)
		}
	}
	return due
}

// holdsUp says what keeps every round from its end.
func (r *Reap) holdsUp(doc *ring.Document) (why []string) {
	if doc.Change != nil {
		why = append(why, "a layout change is in flight")
	}
	for _, m := range doc.Members {
		if m.ID != r.o.Self && !r.o.Cluster.Up(m.ID) {
			why = append(why, fmt.Sprintf("%s does not answer", m.Name))
		}
	}
	return why
}

// look looks through a partition. It returns when what it has found too young is old
// enough; zero is never.
func (b *batch) look(p ring.Partition) (next time.Time, err error) {
	var after storage.Key
	var young, old time.Time
	now, grace := b.r.o.Clock.Now(), b.doc.Settings.Grace()
	for more := true; more; {
		if err := b.r.o.Budget.Wait(b.r.life); err != nil {
			return next, err
		}
		var page []storage.Record
		page, more, err = b.r.o.Store.RangePage(b.r.life, p, after, pageKeys, pageBytes)
		if err != nil {
			return next, err
		}
		read := 0
		for _, record := range page {
			after = record.Key
			for _, s := range record.Object.Siblings {
				read += len(s.Value)
			}
			ripe, narrow, some := ripeness(record.Object)
			if !some || b.doc.Discarded(record.Key.Bucket, record.Object.Generation) {
				continue
			}
			died := ripe
			if narrow || died.After(now) {
				died = time.Time{}
			}
			if ripe = ripe.Add(grace); ripe.After(now) {
				young, next = earlier(young, died), earlier(next, ripe)
				continue
			}
			old = earlier(old, died)
			digest := record.Object.Digest(b.doc.Secret, record.Key.Bucket, record.Key.Key)
			if err := b.add(p, candidate{record.Key.Bucket, []byte(record.Key.Key), digest[:], narrow}); err != nil {
				return next, err
			}
		}
		b.r.o.Budget.Pay(read)
	}
	b.r.mu.Lock()
	defer b.r.mu.Unlock()
	b.r.young[p], b.r.old[p] = young, old
	return next, nil
}

// ripeness tells since when an object is dead, or wide and unchanged.
func ripeness(o *causal.Object) (since time.Time, narrow, some bool) {
	since = o.MaxStamp().Time()
	if !o.Mortal() {
		return since, true, o.Wide()
	}
	for i := range o.Siblings {
		if expiry := time.UnixMilli(o.Siblings[i].Expiry); !o.Siblings[i].Tombstone && expiry.After(since) {
			since = expiry
		}
	}
	return since, false, true
}
