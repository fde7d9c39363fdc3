package storage

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// fillSized puts n keys and returns them by partition.
func fillSized(t *testing.T, s *Store, n, size int) map[ring.Partition][]Key {
	t.Helper()
	keys := map[ring.Partition][]Key{}
	for i := range n {
		mustPut(t, s, key(i), make([]byte, size))
		p := key(i).Position().Partition(testPartitions)
		keys[p] = append(keys[p], key(i))
	}
	return keys
}

func TestAPartitionIsReadInPagesFromAnyKeyOn(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	keys := fillSized(t, s, 200, 100)
	for p := range ring.Partition(testPartitions) {
		var after Key
		seen := map[Key]bool{}
		for more := true; more; {
			page, next, err := s.RangePage(t.Context(), p, after, 7, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) > 7 || next && len(page) != 7 {
				t.Fatalf("a page of %d, more=%v, want 7", len(page), next)
			}
			for _, r := range page {
				if seen[r.Key] || r.Position.Partition(testPartitions) != p || r.Object == nil {
					t.Fatalf("record %+v is none of partition %d, or a second one", r, p)
				}
				seen[r.Key], after = true, r.Key
			}
			more = next
		}
		if len(seen) != len(keys[p]) {
			t.Errorf("partition %d: %d keys, want %d", p, len(seen), len(keys[p]))
		}
	}
}

func TestAPageHoldsFewBytesOrOneObject(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	keys := fillSized(t, s, 60, 1000)
	for p := range keys {
		page, _, err := s.RangePage(t.Context(), p, Key{}, 100, 2500)
		if err != nil || len(page) != min(2, len(keys[p])) {
			t.Errorf("%d objects of 1,000 bytes in a page of 2,500, %v; want 2", len(page), err)
		}
		page, more, err := s.RangePage(t.Context(), p, Key{}, 100, 1)
		if err != nil || len(page) != 1 || more != (len(keys[p]) > 1) {
			t.Errorf("%d objects in a page of 1 byte, more=%v, %v; want 1 object alone", len(page), more, err)
		}
	}
}

func TestOnlyAPartitionThatIsNotHeldIsDropped(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, Options{})
	keys := fillSized(t, s, 100, 10)
	other := s.NodeID() + 1
	if err := s.DropRange(t.Context(), 3, 1); !errors.Is(err, ErrHeld) {
		t.Errorf("dropping a held partition: %v", err)
	}
	moved := document(2, s.NodeID())
	moved.Layout[3] = ring.Entry{Serving: []ring.NodeID{other}, Former: []ring.NodeID{s.NodeID()}, Phase: ring.PhaseDrop, Changed: 2}
	if err := s.Install(moved); err != nil {
		t.Fatal(err)
	}
	for _, changed := range []uint64{1, 3} {
		if err := s.DropRange(t.Context(), 3, changed); !errors.Is(err, ErrNoDocument) {
			t.Errorf("dropping by what was proven of change %d: %v", changed, err)
		}
	}
	partitions, n, err := s.Leftovers(t.Context(), 1000)
	if err != nil || n != len(keys[3]) || len(partitions) != 1 || partitions[0] != 3 {
		t.Errorf("leftovers: %v, %d, %v; want the %d objects of partition 3", partitions, n, err, len(keys[3]))
	}
	if err := s.DropRange(t.Context(), 3, 2); err != nil {
		t.Fatal(err)
	}
	crashed, err := Open("store", Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = crashed.Close() }()
	if err := crashed.Install(moved); err != nil {
		t.Fatal(err)
	}
	for p, list := range keys {
		page, _, err := crashed.RangePage(t.Context(), p, Key{}, 1000, 1<<20)
		if want := len(list); err != nil || p != 3 && len(page) != want || p == 3 && len(page) != 0 {
			t.Errorf("after the drop and a crash partition %d has %d objects, %v; it had %d", p, len(page), err, want)
		}
	}
}

// What is taken in once the partition is held again must not fall to a drop that
// began before.
func TestAPartitionIsNotHeldAgainBeforeItsDropIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, vfs.NewMem(), Options{})
		install(t, s, 2, s.NodeID()+1)
		if err := s.takeDropping(t.Context()); err != nil { // as a drop whose apply the disk holds up
			t.Fatal(err)
		}
		installed := make(chan error, 1)
		go func() { installed <- s.Install(document(3, s.NodeID())) }()
		synctest.Wait()
		if s.layout.Load().of(0).Held {
			t.Error("the partition is held again while it is dropped")
		}
		<-s.dropping
		if err := <-installed; err != nil {
			t.Fatal(err)
		}
	})
}

// A node that gets a partition again is another holding of it (R1).
func TestAPartitionThatWasDroppedIsHeldByANewActor(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	actor := func() causal.Actor { return s.layout.Load().of(0).holding.actor }
	before := actor()
	install(t, s, 2, s.NodeID()+1)
	for p := range ring.Partition(testPartitions) {
		if err := s.DropRange(context.Background(), p, 2); err != nil {
			t.Fatal(err)
		}
	}
	install(t, s, 3, s.NodeID())
	if actor() == before {
		t.Error("the actor outlived the drop")
	}
}
