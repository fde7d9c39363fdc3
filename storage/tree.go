package storage

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// tree is the hash tree of one held partition. A leaf is the sum (exclusive or) of the
// hashes of the objects in its segment, the root that of the leaves:
//
//	         root = leaf 0 ^ leaf 1 ^ ... ^ leaf 1023
//	leaf i = h(object) ^ h(object) ^ ...      h: the first 8 bytes of the keyed digest
//
// So a change of one object changes its leaf by h(old) ^ h(new), whatever else lies in
// the segment, and the changes since a moment are the difference of the leaf now and
// then. Nobody who does not know the cluster's secret can choose objects whose hashes
// cancel out; by chance two segments agree and differ once in 2^64.
//
// Beside each leaf stand counts of what reaping has to do with, which change alike.
//
// A tree takes 16 KiB, whatever the partition holds: 4 MiB for 256 partitions. A leaf is
// changed under its segment's lock, and read without one.
type tree struct {
	secret []byte
	leaves [ring.SegmentsPerPartition]atomic.Uint64
	mortal [ring.SegmentsPerPartition]atomic.Int32 // objects that are dead or will be: see causal.Object.Mortal
	wide   [ring.SegmentsPerPartition]atomic.Int32 // objects with wide contexts
	built  atomic.Bool                             // until then a leaf is only what changed since the tree was new
}

func newTree(secret []byte) *tree { return &tree{secret: secret} }

// leaf is what the objects of a segment add up to.
type leaf struct {
	hash         uint64
	mortal, wide int32
}

func (l leaf) plus(m leaf) leaf  { return leaf{l.hash ^ m.hash, l.mortal + m.mortal, l.wide + m.wide} }
func (l leaf) minus(m leaf) leaf { return leaf{l.hash ^ m.hash, l.mortal - m.mortal, l.wide - m.wide} }

// leafOf is what an object adds to its leaf; nil adds nothing.
func (t *tree) leafOf(k Key, o *causal.Object) leaf {
	digest := o.Digest(t.secret, k.Bucket, k.Key)
	l := leaf{hash: binary.BigEndian.Uint64(digest[:])}
	if o.Mortal() {
		l.mortal = 1
	}
	if o.Wide() {
		l.wide = 1
	}
	return l
}

// leaf is leaf i as of now; the caller holds the lock of segment i.
func (t *tree) leaf(i ring.Segment) leaf {
	return leaf{t.leaves[i].Load(), t.mortal[i].Load(), t.wide[i].Load()}
}

// replace changes leaf i by an object in the place of another. The caller holds the
// lock of segment i.
func (t *tree) replace(i ring.Segment, k Key, old, now *causal.Object) {
	t.add(i, t.leafOf(k, now).minus(t.leafOf(k, old)))
}

func (t *tree) add(i ring.Segment, difference leaf) {
	l := t.leaf(i).plus(difference)
	t.leaves[i].Store(l.hash)
	t.mortal[i].Store(l.mortal)
	t.wide[i].Store(l.wide)
}

// Residue is what reaping may find in a partition.
type Residue struct {
	Mortal int // objects that are deleted, or expire some day
	Wide   int // objects whose context names more writes than they hold
}

// Residue counts partition p's. It is not known where TreeRoot is not.
func (s *Store) Residue(p ring.Partition) (r Residue, known bool) {
	t := s.treeOf(p)
	if t == nil || !t.built.Load() {
		return Residue{}, false
	}
	for i := range t.leaves {
		r.Mortal += int(t.mortal[i].Load())
		r.Wide += int(t.wide[i].Load())
	}
	return r, true
}

// root is the sum of the leaves. It is made when it is asked for: a thousand loads take
// less than a message, and a write touches no word that all writes share.
func (t *tree) root() uint64 {
	sum := uint64(0)
	for i := range t.leaves {
		sum ^= t.leaves[i].Load()
	}
	return sum
}

// TreeRoot is the root of partition p's hash tree. It is not known while the tree is
// being built, and where this node holds no replica: then nothing may be concluded from
// it. Under writes it is of no one moment. It may count what a crash can still undo:
// who tells it to others calls Barrier in between.
func (s *Store) TreeRoot(p ring.Partition) (root uint64, known bool) {
	t := s.treeOf(p)
	if t == nil || !t.built.Load() {
		return 0, false
	}
	return t.root(), true
}

// TreeLeaves are the leaves of partition p's hash tree, one a segment. It is otherwise
// like TreeRoot.
func (s *Store) TreeLeaves(p ring.Partition) (leaves []uint64, known bool) {
	t := s.treeOf(p)
	if t == nil || !t.built.Load() {
		return nil, false
	}
	leaves = make([]uint64, len(t.leaves))
	for i := range t.leaves {
		leaves[i] = t.leaves[i].Load()
	}
	return leaves, true
}

// TreeState reports whether this node holds partition p, and with it a hash tree, and
// whether that is built.
func (s *Store) TreeState(p ring.Partition) (held, known bool) {
	t := s.treeOf(p)
	return t != nil, t != nil && t.built.Load()
}

// treeOf is partition p's tree; nil when it is not held, or fenced.
func (s *Store) treeOf(p ring.Partition) *tree {
	l := s.layout.Load()
	if l == nil || int(p) >= len(l.states) {
		return nil
	}
	state := l.states[p].Load()
	if state.fenced() {
		return nil
	}
	return state.tree
}

// TreeStats tell how far the hash trees are.
type TreeStats struct {
	Held  int // partitions: each has a tree
	Known int // trees that are built
}

// TreeStats counts the trees.
func (s *Store) TreeStats() TreeStats {
	var stats TreeStats
	l := s.layout.Load()
	if l == nil {
		return stats
	}
	for i := range l.states {
		if t := s.treeOf(ring.Partition(i)); t != nil { //nolint:gosec // there are few
			stats.Held++
			if t.built.Load() {
				stats.Known++
			}
		}
	}
	return stats
}

// treeFor is the tree of a partition that was old and is held under d, or not. It goes
// on as long as the partition is held without a break, and as long as stored objects
// mean the same: see revived.
func (s *Store) treeFor(d *ring.Document, old *PartitionState, held, renewed bool) *tree {
	switch {
	case !held:
		return nil
	case old != nil && old.tree != nil && !renewed:
		return old.tree
	}
	return newTree(d.Secret)
}

// renews reports whether stored objects may mean something else under d than they did
// before: see revived.
func (s *Store) renews(d *ring.Document) bool {
	if d.Forced == nil {
		return false
	}
	before := s.forced.Load()
	if before == nil || before.Forced.From != d.Forced.From || len(before.Buckets) != len(d.Buckets) {
		return true
	}
	for i, b := range d.Buckets {
		if b.Name != before.Buckets[i].Name || b.Generation != before.Buckets[i].Generation || b.Policy != before.Buckets[i].Policy {
			return true
		}
	}
	return false
}
