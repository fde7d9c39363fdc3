package replication

import (
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// forsaken is what this node stores of buckets that only the losing side of a force made,
// in its copies and in hints for others. It is counted once for each force and start, by
// reading everything: nothing of the kind is taken in after a force.
type forsaken struct {
	mu   sync.Mutex // guards what follows
	from ring.Name  // the document that was forked from
	keys map[string]int
}

// countForsaken begins to count on a node that has set a document aside: no other has
// taken anything in by one.
func (c *Coordinator) countForsaken(d *ring.Document) {
	if d.Forced == nil || len(c.agent.Aside()) == 0 {
		return
	}
	f := &c.forsaken
	f.mu.Lock()
	begun := f.from == d.Forced.From
	f.from = d.Forced.From
	f.mu.Unlock()
	if begun {
		return
	}
	c.behind(func() {
		keys, err := c.findForsaken(d)
		if err != nil {
			c.log.Error("what the losing side of the force stored here cannot be counted", attrErr(err))
			return
		}
		f.mu.Lock()
		f.keys = keys
		f.mu.Unlock()
		for bucket, n := range keys {
			c.log.Warn("only the losing side of the force made this bucket; what it holds is kept", slog.String("bucket", bucket), slog.Int("keys", n))
		}
	})
}

// findForsaken counts keys by bucket.
func (c *Coordinator) findForsaken(d *ring.Document) (map[string]int, error) {
	keys := make(map[string]int)
	for r, err := range c.store.Scan(c.life, storage.ScanFrom{}, ^ring.Position(0)) {
		if err != nil {
			return nil, err
		}
		if d.Forsaken(r.Object.Generation) {
			keys[r.Key.Bucket]++
		}
	}
	for r, err := range c.store.Hints(c.life, nil) {
		if err != nil {
			return nil, err
		}
		if r.Hint.Object != nil && d.Forsaken(r.Hint.Object.Generation) {
			keys[r.Key.Bucket]++
		}
	}
	return keys, nil
}

// of tells what is kept by a document: not what is served again, in a bucket made anew.
func (f *forsaken) of(d *ring.Document) (kept []request.KeptBucket) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(f.keys)) {
		if _, anew := d.Bucket(name); !anew {
			kept = append(kept, request.KeptBucket{Name: name, Keys: f.keys[name]})
		}
	}
	return kept
}
