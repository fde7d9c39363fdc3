package storage

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// raise raises all partitions to an epoch.
func raise(t testing.TB, s *Store, to causal.Epoch) {
	t.Helper()
	changeEpochs(t, s, func(e *Epochs) { e.Raised = to })
}

// changeEpochs changes the epochs of all partitions.
func changeEpochs(t testing.TB, s *Store, how func(*Epochs)) {
	t.Helper()
	var all []ring.Partition
	for p := range ring.Partition(testPartitions) {
		all = append(all, p)
	}
	err := s.ChangeEpochs(t.Context(), all, func(_ ring.Partition, e Epochs) (Epochs, bool) {
		how(&e)
		return e, true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// store makes the store hold o, or join it into a hint.
func store(t testing.TB, s *Store, k Key, o *causal.Object, inHint bool) error {
	t.Helper()
	_, err := s.Write(t.Context(), k, KindRepair, func(tx *Tx) error {
		if inHint {
			tx.SetHint(&Hint{Targets: []ring.NodeID{7}, Mark: 1, Object: causal.Join(tx.Hint().kept(), o)})
		} else {
			tx.SetObject(causal.Join(tx.Object(), o))
		}
		return nil
	})
	return err
}

func TestWhatWasReadBeforeARoundIsRefused(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	before, err := s.Read(t.Context(), key(1))
	if err != nil || before.Epoch != (causal.Epoch{}) {
		t.Fatalf("read %+v, %v", before, err)
	}
	first := causal.Epoch{Number: 1, Round: 7}
	raise(t, s, first)
	for _, hint := range []bool{false, true} {
		if err := store(t, s, key(2), before, hint); !errors.Is(err, ErrEpoch) {
			t.Errorf("an object of no epoch, in a hint %v: %v", hint, err)
		}
	}
	after, err := s.Read(t.Context(), key(1))
	if err != nil || after.Epoch != first {
		t.Fatalf("read again it is of %v, %v", after.Epoch, err)
	}
	for _, hint := range []bool{false, true} {
		if err := store(t, s, key(2), after, hint); err != nil {
			t.Errorf("read again, in a hint %v: %v", hint, err)
		}
	}
	if err := store(t, s, key(1), before, false); err != nil {
		t.Errorf("what adds nothing is refused: %v", err)
	}
	raise(t, s, causal.Epoch{Number: 2})
	hint, err := s.ReadHint(t.Context(), key(2))
	if err != nil || hint.Object.Epoch.Number != 2 {
		t.Errorf("a hint is of %+v, %v", hint, err)
	}
	for r, err := range s.Scan(t.Context(), ScanFrom{}, everything) {
		if err != nil || r.Object.Epoch.Number != 2 {
			t.Errorf("scanned %+v, %v", r, err)
		}
	}
	mustPut(t, s, key(1), number(2))
}

func TestEpochsOutliveTheStart(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, Options{})
	want := Epochs{Raised: causal.Epoch{Number: 3, Round: 1}, Committed: causal.Epoch{Number: 2, Round: 5}, Fenced: true, Known: true}
	changeEpochs(t, s, func(e *Epochs) { *e = want })
	s = open(t, fs.CrashClone(vfs.CrashCloneCfg{}), Options{})
	if got := s.Epochs(5); got != want {
		t.Errorf("after a crash: %+v, want %+v", got, want)
	}
	if got := s.Fenced(); len(got) != testPartitions {
		t.Errorf("fenced after a crash: %v", got)
	}
	install(t, s, 2, s.NodeID())
	if got := s.Epochs(5); got != want {
		t.Errorf("after another document: %+v", got)
	}
	s.endActors()
	if got := s.Epochs(5); got != want {
		t.Errorf("after the actors' end: %+v", got)
	}
}

// A round that begins while an object is being read may be about what was read: the object
// is of the epoch before it.
func TestAReadIsOfTheEpochBeforeIt(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs, Options{})
	for n := range 20 { // in blocks of their own
		mustPut(t, s, key(n), make([]byte, 64<<10))
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sick := newSickDisk(fs)
	s = open(t, sick, Options{})
	var once sync.Once
	sick.fail(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileReadAt && strings.HasSuffix(op.Path, ".sst") {
			once.Do(func() { raise(t, s, causal.Epoch{Number: 1}) })
		}
		return nil
	})
	o, err := s.Read(t.Context(), key(10))
	if err != nil || s.Epochs(0).Raised.Number != 1 {
		t.Fatalf("read: %v, at %+v", err, s.Epochs(0))
	}
	if o.Epoch != (causal.Epoch{}) {
		t.Errorf("what was read before the round is of %v", o.Epoch)
	}
}

// A raise returns only after what was admitted at the former epoch has been applied.
func TestARaiseWaitsForWhatWasAdmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, vfs.NewMem(), Options{})
		inside, goOn := make(chan struct{}), make(chan struct{})
		var working sync.WaitGroup
		working.Go(func() {
			_, err := s.Write(t.Context(), key(1), KindPut, func(tx *Tx) error {
				close(inside)
				<-goOn
				return putting(number(1))(tx)
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-inside
		raised := false
		working.Go(func() {
			raise(t, s, causal.Epoch{Number: 1})
			raised = true
			if value(t, s, key(1)) == nil {
				t.Error("raised, and what was admitted before is not to be seen")
			}
		})
		synctest.Wait()
		if raised {
			t.Error("raised while a write was under way")
		}
		close(goOn)
		working.Wait()
		if !raised {
			t.Error("not raised")
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAStoreWithoutEpochsAwaitsThemWhereSomethingWasReaped(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs, Options{})
	mustPut(t, s, key(1), number(1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open("store", Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // it is not what is tested
	other := key(2)
	for n := 3; other.Position().Partition(testPartitions) == key(1).Position().Partition(testPartitions); n++ {
		other = key(n)
	}
	d := document(2, s.NodeID())
	d.Reaping = true
	if err := s.Install(d); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, key(1), number(2)) // there is something: the epochs are the zero ones
	if err := put(t.Context(), s, other, number(1)); !errors.Is(err, ErrNoEpochs) {
		t.Errorf("a write below nobody knows what: %v", err)
	}
	if !s.Epochs(other.Position().Partition(testPartitions)).Awaited {
		t.Error("no epochs are awaited")
	}
	raise(t, s, causal.Epoch{Number: 9})
	mustPut(t, s, other, number(1))
}

func TestAStoreThatWasThereWhenReapingBeganAwaitsNothing(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, Options{})
	d := document(2, s.NodeID())
	d.Reaping = true
	if err := s.Install(d); err != nil {
		t.Fatal(err)
	}
	after, err := Open("store", Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close() //nolint:errcheck // it is not what is tested
	if err := after.Install(d); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{s, after} {
		if e := s.Epochs(1); e.Awaited || !e.Known {
			t.Errorf("epochs %+v", e)
		}
	}
}

// Rounds began, and went on, while the store was no member's: it has no epochs, whatever
// document it held.
func TestAStoreThatBecomesAMemberLaterAwaitsEpochs(t *testing.T) {
	for name, between := range map[string]bool{"by way of a document in which reaping began": true, "at once": false} {
		s := open(t, vfs.NewMem(), Options{})
		install(t, s, 2, s.NodeID()+1)
		if between {
			d := document(3, s.NodeID()+1)
			d.Reaping = true
			if err := s.Install(d); err != nil {
				t.Fatal(err)
			}
		}
		d := document(4, s.NodeID(), s.NodeID()+1)
		d.Reaping = true
		if err := s.Install(d); err != nil {
			t.Fatal(err)
		}
		if e := s.Epochs(1); !e.Awaited || e.Known {
			t.Errorf("%s: epochs %+v", name, e)
		}
	}
}

func TestAFencedPartitionTakesNothingButItsRefill(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	before := s.layout.Load().of(key(1).Position()).holding
	changeEpochs(t, s, func(e *Epochs) { e.Fenced = true })
	if err := put(t.Context(), s, key(1), number(2)); !errors.Is(err, ErrFenced) {
		t.Errorf("a put: %v", err)
	}
	if _, err := s.Write(t.Context(), key(1), KindRefill, putting(number(3))); err != nil {
		t.Errorf("a refill: %v", err)
	}
	if s.layout.Load().of(key(1).Position()).holding == before {
		t.Error("its actor goes on (R1)")
	}
}

func TestReapingEndsNoActorAndRemovingDoes(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	holding := func() *holding { return s.layout.Load().of(key(1).Position()).holding }
	before := holding()
	for _, reap := range []bool{true, false} {
		mustPut(t, s, key(1), number(1))
		_, err := s.Write(t.Context(), key(1), KindRepair, func(tx *Tx) error {
			if reap {
				tx.Reap(nil)
			} else {
				tx.SetObject(nil)
			}
			return nil
		})
		if err != nil || (holding() == before) != reap {
			t.Errorf("reaped %v: the actor went on %v, %v", reap, holding() == before, err)
		}
	}
}

func FuzzDecodeEpochs(f *testing.F) {
	f.Add(Epochs{Raised: causal.Epoch{Number: 1, Round: 2}, Committed: causal.Epoch{Number: 3}, Fenced: true}.append(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := decodeEpochs(raw); err == nil && string(e.append(nil)) != string(raw) {
			t.Errorf("%x became %+v", raw, e)
		}
	})
}
