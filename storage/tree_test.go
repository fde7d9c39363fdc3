package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// unpaced is a pace that holds nobody up.
func unpaced(ctx context.Context, _ int) error { return context.Cause(ctx) }

// buildAll builds the tree of every partition.
func buildAll(t testing.TB, s *Store) {
	t.Helper()
	for p := range ring.Partition(testPartitions) {
		if err := s.BuildTree(t.Context(), p, unpaced); err != nil {
			t.Fatalf("build: %v", err)
		}
	}
}

// checkTrees compares every leaf with the objects while nobody writes, and returns how
// many objects there are.
func checkTrees(t testing.TB, s *Store) int {
	t.Helper()
	for i := range s.locks {
		if err := s.locks.lock(t.Context(), ring.Segment(i), s.fault); err != nil {
			t.Fatal(err)
		}
		defer s.locks.unlock(ring.Segment(i))
	}
	var want [testPartitions][ring.SegmentsPerPartition]uint64
	var residue [testPartitions]Residue
	objects := 0
	for r, err := range s.Scan(t.Context(), ScanFrom{}, everything) {
		if err != nil {
			t.Fatal(err)
		}
		p := r.Position.Partition(testPartitions)
		want[p][r.Position.Segment(testPartitions)] ^= s.treeOf(p).leafOf(r.Key, r.Object).hash
		if r.Object.Mortal() {
			residue[p].Mortal++
		}
		if r.Object.Wide() {
			residue[p].Wide++
		}
		objects++
	}
	for p := range want {
		if got, known := s.Residue(ring.Partition(p)); known && got != residue[p] {
			t.Errorf("partition %d has %+v left to reap, its objects make %+v", p, got, residue[p])
		}
		leaves, known := s.TreeLeaves(ring.Partition(p))
		root, _ := s.TreeRoot(ring.Partition(p))
		if !known {
			t.Errorf("the tree of partition %d is not known", p)
			continue
		}
		sum := uint64(0)
		for i, leaf := range leaves {
			if sum ^= leaf; leaf != want[p][i] {
				t.Errorf("leaf %d of partition %d is %x, its objects make %x", i, p, leaf, want[p][i])
			}
		}
		if root != sum {
			t.Errorf("the root of partition %d is %x, its leaves make %x", p, root, sum)
		}
	}
	return objects
}

// Leaves are compared at random moments while writers put, join and remove, and while
// trees are built and built again beside them.
func TestTreesAreAsTheObjectsAtAnyMoment(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{MemTableBytes: 64 << 10})
	for n := range 200 {
		mustPut(t, s, key(n), number(uint64(n)))
	}
	install(t, s, 2, s.NodeID()+1)
	install(t, s, 3, s.NodeID()) // new trees over objects that were there before
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	for w := range 4 {
		working.Go(func() {
			draw := rand.New(rand.NewPCG(uint64(w), 1))
			for ctx.Err() == nil {
				if err := writeAny(ctx, s, draw); err != nil && ctx.Err() == nil {
					t.Errorf("write: %v", err)
				}
			}
		})
	}
	buildAll(t, s)
	working.Go(func() {
		for p := ring.Partition(0); ctx.Err() == nil; p = (p + 1) % testPartitions {
			if err := s.BuildTree(ctx, p, unpaced); err != nil && ctx.Err() == nil {
				t.Errorf("rebuild: %v", err)
			}
		}
	})
	for range 10 {
		written := s.Counters().Writes
		for s.Counters().Writes < written+uint64(rand.IntN(500)) && ctx.Err() == nil {
			if err := s.Barrier(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if checkTrees(t, s) == 0 {
			t.Fatal("there is no object")
		}
	}
	if wrong := s.Counters().WrongLeaves; wrong != 0 {
		t.Errorf("rebuilds found %d leaves wrong", wrong)
	}
}

// writeAny changes one key in one of the ways that there are.
func writeAny(ctx context.Context, s *Store, draw *rand.Rand) error {
	k := key(draw.IntN(300))
	_, err := s.Write(ctx, k, KindPut, func(tx *Tx) error {
		switch draw.IntN(7) {
		case 0:
			tx.SetObject(nil)
		case 5:
			if tx.Object() != nil {
				tx.Reap(tx.Object().Narrow())
			}
		case 6:
			dot, stamp, err := tx.Mint(causal.Context{})
			if err != nil {
				return err
			}
			tx.SetObject(tx.Object().Put(causal.Write{Dot: dot, Stamp: stamp, Tombstone: true, Policy: causal.Siblings, Generation: 1}))
		case 1:
			tx.SetHint(&Hint{Targets: []ring.NodeID{7}, Since: s.Now(), Mark: draw.Uint64()})
		case 2:
			actor := causal.Actor(draw.Uint64())
			var none *causal.Object
			other := none.Put(causal.Write{Dot: causal.Dot{Actor: actor, Counter: 1}, Stamp: s.Now(), Policy: causal.Siblings, Generation: 1})
			tx.SetObject(causal.Join(tx.Object(), other))
		case 3:
			return errors.New("changed my mind")
		default:
			return putting(number(draw.Uint64()))(tx)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil && s.Failed() == nil && err.Error() == fmt.Sprintf("write %q in bucket %q: changed my mind", k.Key, k.Bucket) {
		return nil
	}
	return err
}

func TestATreeIsNotKnownBeforeItIsBuilt(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	p := key(1).Position().Partition(testPartitions)
	known := func() bool {
		_, root := s.TreeRoot(p)
		_, leaves := s.TreeLeaves(p)
		if root != leaves {
			t.Errorf("the root is known=%v, the leaves are known=%v", root, leaves)
		}
		return root
	}
	if known() {
		t.Error("a tree is known at the start")
	}
	steps := 0
	err := s.BuildTree(t.Context(), p, func(context.Context, int) error {
		if steps++; steps < ring.SegmentsPerPartition/buildSegments && known() {
			t.Errorf("a tree is known after %d steps", steps)
		}
		return nil
	})
	if err != nil || !known() {
		t.Fatalf("after the build, %v, the tree is known=%v", err, known())
	}
	if got := s.TreeStats(); got.Held != testPartitions || got.Known != 1 {
		t.Errorf("trees: %+v, want 1 of %d known", got, testPartitions)
	}
	install(t, s, 2, s.NodeID())
	if !known() {
		t.Error("another document without a change of the partition ends the tree")
	}
	install(t, s, 3, s.NodeID()+1)
	if known() {
		t.Error("a tree is known of a partition that was lost")
	}
	if err := s.BuildTree(t.Context(), p, unpaced); err != nil || known() {
		t.Errorf("building the tree of a lost partition: %v, known=%v", err, known())
	}
	if err := s.DropRange(t.Context(), p, 3); err != nil {
		t.Fatal(err)
	}
	install(t, s, 4, s.NodeID())
	if known() {
		t.Error("a tree is known of a partition that was just won again")
	}
	buildAll(t, s)
	if root, _ := s.TreeRoot(p); root != 0 {
		t.Errorf("the root of a partition that was dropped is %x", root)
	}
	checkTrees(t, s)
}

func TestABuildThatIsEndedLeavesNothingKnown(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	enough := errors.New("enough")
	n := 0
	err := s.BuildTree(t.Context(), 0, func(context.Context, int) error {
		if n++; n > 3 {
			return enough
		}
		return nil
	})
	if _, known := s.TreeRoot(0); !errors.Is(err, enough) || known {
		t.Errorf("%v, known=%v; want the pace's error, and nothing known", err, known)
	}
	buildAll(t, s) // the token was given back
}

func TestARebuildFindsWhatTheDiskHoldsOtherwise(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	buildAll(t, s)
	k := key(1)
	if err := s.db.Delete(appendKey(nil, sectionObject, k.Position(), k), nil); err != nil { // behind the store's back
		t.Fatal(err)
	}
	buildAll(t, s)
	if wrong := s.Counters().WrongLeaves; wrong != 1 {
		t.Errorf("%d wrong leaves, want 1", wrong)
	}
	checkTrees(t, s)
}

// A force that turns out to have kept a bucket of the losing side changes what stored
// objects mean, and with it their hashes.
func TestATreeIsBuiltAnewWhenStoredObjectsMeanSomethingElse(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	p := key(1).Position().Partition(testPartitions)
	forced := document(1<<20+2, s.NodeID())
	forced.Era.Number = 1
	forced.Forced = &ring.Forced{From: ring.Name{Version: 1}}
	forced.Forced.From.Version = 0 // generation 1 is the losing side's
	if err := s.Install(forced); err != nil {
		t.Fatal(err)
	}
	buildAll(t, s)
	checkTrees(t, s)
	next := *forced
	next.Version++
	if err := s.Install(&next); err != nil {
		t.Fatal(err)
	}
	if _, known := s.TreeRoot(p); !known {
		t.Error("a document with the same buckets ends the tree")
	}
	named := next
	named.Version++
	named.Buckets = []ring.Bucket{{Name: "fruit", Generation: named.Version}}
	if err := s.Install(&named); err != nil {
		t.Fatal(err)
	}
	if _, known := s.TreeRoot(p); known {
		t.Error("the tree is known although the objects have another generation now")
	}
	buildAll(t, s)
	checkTrees(t, s)
}

func TestABuildHoldsNoLockWhileItWaits(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := s.BuildTree(ctx, 0, func(context.Context, int) error {
		return s.locks.pass(s.fault)
	})
	if err != nil {
		t.Error(err)
	}
}

// BenchmarkOverwrite puts 1 KiB over 1 KiB, with and without the hash tree, and does
// not wait for the sync.
func BenchmarkOverwrite(b *testing.B) {
	for _, with := range []string{"tree", "no tree"} {
		b.Run(with, func(b *testing.B) {
			s := open(b, vfs.NewMem(), Options{})
			if with == "no tree" {
				l := s.layout.Load()
				for p := range l.states {
					state := *l.states[p].Load()
					state.tree = nil
					l.states[p].Store(&state)
				}
			}
			value := noise(1 << 10)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if _, err := s.Write(b.Context(), key(n%1000), KindPut, putting(value)); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}
