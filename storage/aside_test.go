package storage

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// fenceAt fences one partition.
func fenceAt(t testing.TB, s *Store, p ring.Partition) {
	t.Helper()
	err := s.ChangeEpochs(t.Context(), []ring.Partition{p}, func(_ ring.Partition, e Epochs) (Epochs, bool) {
		e.Fenced = true
		return e, true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// putAside sets a fenced partition aside, to the end.
func putAside(t testing.TB, s *Store, p ring.Partition) Aside {
	t.Helper()
	a, err := s.OpenAside(t.Context(), p, "a test")
	for err == nil && !a.Moved {
		a, err = s.SetAside(t.Context(), a.Set)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// hold makes the store keep a hint.
func hold(t testing.TB, s *Store, k Key) {
	t.Helper()
	o := (*causal.Object)(nil).Put(causal.Write{Dot: causal.Dot{Actor: 9, Counter: 1}, Stamp: 1, Policy: causal.Siblings, Generation: 1, Value: []byte("hinted")})
	if err := store(t, s, k, o, true); err != nil {
		t.Fatal(err)
	}
}

// kept lists a set by key.
func kept(t testing.TB, s *Store, set uint32) (objects, hints map[Key]string) {
	t.Helper()
	objects, hints = map[Key]string{}, map[Key]string{}
	var after AsideAt
	for more := true; more; {
		page, next, err := s.AsidePage(t.Context(), set, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			after = r.At()
			in := objects
			if r.Hint != nil {
				in = hints
			}
			in[r.Key] += string(r.Kept().Siblings[0].Value)
		}
		more = next
	}
	return objects, hints
}

// smallBatches has a few records in a batch.
func smallBatches(t *testing.T, records int) {
	t.Helper()
	before := asideBatch
	asideBatch = pageLimits{records: records, bytes: 1 << 20}
	t.Cleanup(func() { asideBatch = before })
}

func TestAFencedPartitionIsAsGoodAsNotThere(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	const all = 64
	for i := range all {
		mustPut(t, s, key(i), fmt.Append(nil, i))
		hold(t, s, key(i))
	}
	if err := s.BuildTree(t.Context(), key(0).Position().Partition(testPartitions), noPace); err != nil {
		t.Fatal(err)
	}
	p := key(0).Position().Partition(testPartitions)
	fenceAt(t, s, p)
	ctx := t.Context()
	_, read := s.Read(ctx, key(0))
	_, hint := s.ReadHint(ctx, key(0))
	_, _, page := s.RangePage(ctx, p, Key{}, 10, 1<<20)
	_, _, segment := s.SegmentPage(ctx, p, key(0).Position().Segment(testPartitions), Key{}, 10, 1<<20)
	for what, err := range map[string]error{
		"read": read, "hint": hint, "page": page, "segment": segment,
		"put": put(ctx, s, key(0), nil), "join": store(t, s, key(0), nil, false), "keep a hint": store(t, s, key(0), nil, true),
	} {
		if !errors.Is(err, ErrFenced) {
			t.Errorf("%s: %v, want ErrFenced", what, err)
		}
	}
	if _, known := s.TreeRoot(p); known {
		t.Error("its tree is known")
	}
	if held, _ := s.TreeState(p); held {
		t.Error("its tree is to be built")
	}
	for r, err := range s.Scan(ctx, ScanFrom{}, everything) {
		if err != nil || r.Position.Partition(testPartitions) == p {
			t.Fatalf("a scan shows %v, %v", r.Key, err)
		}
	}
	for r, err := range s.Hints(ctx, nil) {
		if err != nil || r.Position.Partition(testPartitions) == p {
			t.Fatalf("the hints show %v, %v", r.Key, err)
		}
	}
}

func noPace(context.Context, int) error { return nil }

// A read that began before a partition was fenced, and ends when it has been emptied, has
// found nothing because of that.
func TestAReadAcrossAFencingIsRefused(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), []byte("v"))
	pos := key(1).Position()
	before := s.stateOf(pos)
	p := pos.Partition(testPartitions)
	fenceAt(t, s, p)
	if err := s.Unfence(t.Context(), putAside(t, s, p).Set); err != nil {
		t.Fatal(err)
	}
	if err := s.unfenced(before); !errors.Is(err, ErrFenced) {
		t.Errorf("a read across it: %v", err)
	}
	if got := value(t, s, key(1)); got != nil {
		t.Errorf("a read after it: %q", got)
	}
}

func TestWhatIsSetAsideIsKeptAndItsPlaceIsEmpty(t *testing.T) {
	smallBatches(t, 7)
	fs := vfs.NewCrashableMem()
	s := open(t, fs, Options{})
	const all = 200
	for i := range all {
		mustPut(t, s, key(i), fmt.Append(nil, i))
		if i%2 == 0 {
			hold(t, s, key(i))
		}
	}
	p := key(0).Position().Partition(testPartitions)
	mine, hinted := map[Key]string{}, 0
	for i := range all {
		if key(i).Position().Partition(testPartitions) == p {
			mine[key(i)] = fmt.Sprint(i)
			hinted += (i + 1) % 2
		}
	}
	if _, err := s.OpenAside(t.Context(), p, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetAside(t.Context(), 1); err == nil {
		t.Fatal("what is not fenced is set aside")
	}
	fenceAt(t, s, p)
	// Cut short in the middle, it goes on in the same set, with nothing lost or counted twice.
	for range 2 {
		if _, err := s.SetAside(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, fs.CrashClone(vfs.CrashCloneCfg{}), Options{})
	if err := s.Unfence(t.Context(), 1); err == nil {
		t.Fatal("half of it is set aside, and it is unfenced")
	}
	a := putAside(t, s, p)
	if a.Set != 1 || a.Objects != int64(len(mine)) || a.Hints != int64(hinted) || a.Bytes == 0 {
		t.Errorf("set aside: %+v; want %d objects and %d hints in set 1", a, len(mine), hinted)
	}
	if got := s.HintStats().Count; got != int64(all/2-hinted) {
		t.Errorf("%d hints are counted; want %d", got, all/2-hinted)
	}
	objects, hints := kept(t, s, 1)
	if len(hints) != hinted || len(objects) != len(mine) {
		t.Errorf("it keeps %d objects and %d hints; want %d and %d", len(objects), len(hints), len(mine), hinted)
	}
	for k, v := range mine {
		if objects[k] != v {
			t.Errorf("it keeps %q of %v; want %q", objects[k], k, v)
		}
	}
	for _, in := range []section{sectionObject, sectionHint} {
		if holds, err := s.holds(in, p, testPartitions); err != nil || holds {
			t.Errorf("section %c is not empty: %v, %v", in, holds, err)
		}
	}
	if err := s.DropAside(t.Context(), 1); !errors.Is(err, ErrFenced) {
		t.Errorf("discarded before the partition is filled: %v", err)
	}
}

// The tree of what was emptied and filled again is built anew, and exact.
func TestTheTreeIsExactAfterAFencing(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	for i := range 64 {
		mustPut(t, s, key(i), fmt.Append(nil, i))
	}
	p := key(0).Position().Partition(testPartitions)
	if err := s.BuildTree(t.Context(), p, noPace); err != nil {
		t.Fatal(err)
	}
	want, _ := s.TreeRoot(p)
	whole, _, err := s.RangePage(t.Context(), p, Key{}, 100, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	// A build that is under way when the partition is fenced goes nowhere.
	steps := 0
	err = s.BuildTree(t.Context(), p, func(context.Context, int) error {
		if steps++; steps == 3 {
			fenceAt(t, s, p)
			putAside(t, s, p)
		}
		return nil
	})
	if err != nil || s.Counters().WrongLeaves != 0 {
		t.Fatalf("a build across a fencing: %v, %d wrong leaves", err, s.Counters().WrongLeaves)
	}
	for _, r := range whole {
		_, err := s.Write(t.Context(), r.Key, KindRefill, func(tx *Tx) error {
			tx.SetObject(causal.Join(tx.Object(), r.Object))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Unfence(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, known := s.TreeRoot(p); known {
		t.Error("it is known before it is built")
	}
	if err := s.BuildTree(t.Context(), p, noPace); err != nil {
		t.Fatal(err)
	}
	if got, known := s.TreeRoot(p); !known || got != want || s.Counters().WrongLeaves != 0 {
		t.Errorf("root %x, %v, %d wrong leaves; want %x", got, known, s.Counters().WrongLeaves, want)
	}
}

// Each fencing has a set of its own; sets are listed until they are discarded, and one
// that keeps nothing is not.
func TestSetsAreListedUntilTheyAreDiscarded(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, Options{})
	p := key(0).Position().Partition(testPartitions)
	for range 2 {
		mustPut(t, s, key(0), []byte("v"))
		fenceAt(t, s, p)
		if err := s.Unfence(t.Context(), putAside(t, s, p).Set); err != nil {
			t.Fatal(err)
		}
	}
	fenceAt(t, s, p)
	if err := s.Unfence(t.Context(), putAside(t, s, p).Set); err != nil { // of nothing
		t.Fatal(err)
	}
	s = open(t, fs.CrashClone(vfs.CrashCloneCfg{}), Options{})
	if len(s.Fenced()) != 0 {
		t.Errorf("fenced after a crash: %v", s.Fenced())
	}
	sets, err := s.Asides()
	if err != nil || len(sets) != 2 || sets[0].Set != 1 || sets[1].Set != 2 || !sets[1].Ended || sets[1].Objects != 1 || sets[1].Partition != p {
		t.Fatalf("sets: %+v, %v", sets, err)
	}
	if err := s.DropAside(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	sets, err = s.Asides()
	if err != nil || len(sets) != 1 || sets[0].Set != 2 {
		t.Errorf("after a discard: %+v, %v", sets, err)
	}
	if _, _, err := s.AsidePage(t.Context(), 1, AsideAt{}); !errors.Is(err, ErrNoSet) {
		t.Errorf("what was discarded: %v", err)
	}
	if objects, _ := kept(t, s, 2); objects[key(0)] != "v" {
		t.Errorf("the other set keeps %v", objects)
	}
	if err := s.DropAside(t.Context(), 1); !errors.Is(err, ErrNoSet) {
		t.Errorf("discarded twice: %v", err)
	}
}
