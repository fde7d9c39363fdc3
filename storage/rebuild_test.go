package storage

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// readAll scans everything and returns the records; err is how the scan ended.
func readAll(t *testing.T, s *Store) (records []Record, err error) {
	t.Helper()
	for r, err := range s.Scan(t.Context(), ScanFrom{}, everything) {
		if err != nil {
			return records, err
		}
		records = append(records, r)
	}
	return records, nil
}

// mend rebuilds all known damage of s with what others hold, and returns what was done.
func mend(t *testing.T, s *Store, others []Record) (sum Rebuilt, spans int) {
	t.Helper()
	for range 20 {
		list := s.Damages()
		if len(list) == 0 {
			return sum, spans
		}
		found, err := s.Locate(t.Context(), list[0], unpaced)
		if err != nil {
			t.Fatalf("locate %+v: %v", list[0], err)
		}
		for _, sp := range found {
			r, err := s.Rebuild(t.Context(), sp, others, 1)
			if err != nil {
				t.Fatalf("rebuild %x: %v", sp, err)
			}
			sum.Objects += r.Objects
			sum.Fetched += r.Fetched
			sum.Unread += r.Unread
			sum.Hints += r.Hints
			spans++
		}
		s.Mended(list[0])
		if _, err := readAll(t, s); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("scan: %v", err)
		}
	}
	t.Fatalf("damage comes and comes: %+v", s.Damages())
	return sum, spans
}

// flushedTwice is flushed, and what the store holds.
func flushedTwice(t *testing.T, keys int) (*vfs.MemFS, []Record) {
	t.Helper()
	fs := vfs.NewCrashableMem()
	s := open(t, flushedOn(t, fs, keys), Options{})
	whole, err := readAll(t, s)
	if err != nil || len(whole) != keys {
		t.Fatalf("%d records, %v", len(whole), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return fs, whole
}

// copyOf is another disk with the same on it.
func copyOf(fs *vfs.MemFS) *vfs.MemFS { return fs.CrashClone(vfs.CrashCloneCfg{}) }

// same checks that s holds these records, and no others.
func same(t *testing.T, s *Store, want []Record) {
	t.Helper()
	got, err := readAll(t, s)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d of %d records are there, %v", len(got), len(want), err)
	}
	for i, r := range got {
		if r.Key != want[i].Key || !bytes.Equal(r.Object.Append(nil), want[i].Object.Append(nil)) {
			t.Errorf("record %d is %v, want %v", i, r, want[i])
		}
	}
}

// TestADamagedTableIsRebuilt flips a byte at a random place of every table.
func TestADamagedTableIsRebuilt(t *testing.T) {
	const keys = 300
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	synctest.Test(t, func(t *testing.T) {
		whole, others := flushedTwice(t, keys)
		for range 10 {
			fs := copyOf(whole)
			flipBytes(t, fs, chance)
			s := open(t, fs, Options{})
			if _, err := readAll(t, s); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("scan: %v, want ErrCorrupt", err)
			}
			select {
			case <-s.DamageFound():
			default:
				t.Error("nobody is told of the damage")
			}
			done, spans := mend(t, s, others)
			if spans == 0 || done.Fetched == 0 || done.Fetched > keys/10 || done.Unread > 0 {
				t.Errorf("%d spans, %+v: want a block's keys of %d fetched", spans, done, keys)
			}
			same(t, s, others)
			// What is left of the table can be compacted, which the damaged block hindered.
			if err := s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
				t.Errorf("compaction: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			same(t, open(t, fs, Options{}), others)
		}
	})
}

// TestARebuildKeepsWhatOnlyThisStoreHas has keys in a memtable, and nowhere else, among
// those of a damaged block.
func TestARebuildKeepsWhatOnlyThisStoreHas(t *testing.T) {
	const keys, own = 300, 1000
	fs := flushed(t, keys)
	s := open(t, fs, Options{CacheBytes: 1}) // so that what is read again comes from the disk
	for i := range own {
		mustPut(t, s, key(keys+i), number(7))
	}
	flipByte(t, fs, newestTable(t, fs), 0.4)
	if _, err := readAll(t, s); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("scan: %v", err)
	}
	if done, spans := mend(t, s, nil); spans == 0 || done.Objects < 10 || done.Fetched != 0 {
		t.Errorf("%d spans, %+v, want at least 10 objects kept", spans, done)
	}
	for i := range own {
		if got := numeral(value(t, s, key(keys+i))); got != 7 {
			t.Errorf("key %d reads %d, which could be read before", keys+i, got)
		}
	}
	got, err := readAll(t, s)
	if lost := own + keys - len(got); err != nil || lost == 0 || lost > keys/10 {
		t.Errorf("%d keys are lost, %v, want a block's", lost, err)
	}
}

// TestARebuildBringsNothingBack: an older table has what a newer one, damaged, removed.
func TestARebuildBringsNothingBack(t *testing.T) {
	const keys = 300
	fs := flushed(t, keys)
	s := open(t, fs, Options{})
	if err := s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		if _, err := s.Write(t.Context(), key(i), KindRepair, func(tx *Tx) error {
			tx.SetObject(nil)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		mustPut(t, s, key(keys+i), noise(1<<10)) // so that the new table has blocks
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	flipByte(t, fs, newestTable(t, fs), 0.5)
	s = open(t, fs, Options{})
	if _, err := readAll(t, s); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("scan: %v", err)
	}
	mend(t, s, nil)
	for i := range keys {
		if v := value(t, s, key(i)); v != nil {
			t.Errorf("key %d is back", i)
		}
	}
}

// newestTable is the path of the table with the highest number.
func newestTable(t *testing.T, fs vfs.FS) string {
	t.Helper()
	dir := fs.PathJoin("store", pebbleDir)
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	newest := ""
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") && name > newest {
			newest = name
		}
	}
	return fs.PathJoin(dir, newest)
}

// flipByte flips one byte at a part of a file's length.
func flipByte(t *testing.T, fs vfs.FS, path string, part float64) {
	t.Helper()
	f, err := fs.OpenReadWrite(path, "test")
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	at := int64(float64(info.Size()-1) * part)
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAnyByteOfATableCanFlip damages the index, the filter and the footer too.
func TestAnyByteOfATableCanFlip(t *testing.T) {
	const keys = 100
	whole, others := flushedTwice(t, keys)
	for part := 0.0; part <= 1; part += 1.0 / 64 {
		fs := copyOf(whole)
		flipByte(t, fs, newestTable(t, fs), part)
		s, err := Open("store", Options{FS: fs})
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !isCorruption(err) {
				t.Errorf("open with a byte flipped at %.2f: %v, want corruption", part, err)
			}
			continue // its records are damaged, and it says so
		}
		install(t, s, 1, s.NodeID())
		for _, r := range others {
			if _, err := s.Read(t.Context(), r.Key); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
		}
		_, err = readAll(t, s)
		if err != nil || len(s.Damages()) > 0 {
			mend(t, s, others)
		}
		same(t, s, others)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestARebuildEndsTheActorAndTheTree(t *testing.T) {
	const keys = 200
	fs := flushed(t, keys)
	flipBytes(t, fs, rand.New(rand.NewPCG(1, 1)))
	s := open(t, fs, Options{})
	if _, err := readAll(t, s); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("scan: %v", err)
	}
	spans, err := s.Locate(t.Context(), s.Damages()[0], unpaced)
	if err != nil || len(spans) == 0 {
		t.Fatalf("%d spans, %v", len(spans), err)
	}
	first, last, _ := spans[0].Objects()
	inside, outside := key(keys), key(keys)
	for i := keys; inside.Position().Partition(testPartitions) != first.Partition(testPartitions) ||
		outside.Position().Partition(testPartitions) <= last.Partition(testPartitions) && outside.Position().Partition(testPartitions) >= first.Partition(testPartitions); i++ {
		if p := key(i).Position().Partition(testPartitions); p == first.Partition(testPartitions) {
			inside = key(i)
		} else if p > last.Partition(testPartitions) || p < first.Partition(testPartitions) {
			outside = key(i)
		}
	}
	for p := range ring.Partition(testPartitions) {
		s.treeOf(p).built.Store(true)
	}
	near, far := mint(t, s, inside), mint(t, s, outside)
	if _, err := s.Rebuild(t.Context(), spans[0], nil, 1); err != nil {
		t.Fatal(err)
	}
	if got := mint(t, s, inside); got.Actor == near.Actor {
		t.Error("an actor outlived the loss of what it had minted")
	}
	if got := mint(t, s, outside); got.Actor != far.Actor {
		t.Error("an actor of another partition ended")
	}
	if _, known := s.TreeRoot(first.Partition(testPartitions)); known {
		t.Error("the hash tree of a rebuilt partition is known")
	}
	if _, known := s.TreeRoot(outside.Position().Partition(testPartitions)); !known {
		t.Error("the hash tree of another partition is not known any more")
	}
}

// TestAValueThatCannotBeDecodedIsRebuilt: its block is as it was written.
func TestAValueThatCannotBeDecodedIsRebuilt(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	k := key(1)
	mustPut(t, s, k, number(5))
	o, err := s.Read(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []section{sectionObject, sectionHint} {
		if err := s.db.Set(appendKey(nil, in, k.Position(), k), []byte{0}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Read(t.Context(), k); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("read: %v", err)
	}
	mend(t, s, []Record{{Key: k, Position: k.Position(), Object: o}})
	if got := numeral(value(t, s, k)); got != 5 {
		t.Errorf("the value is %d, want 5", got)
	}
	if h, err := s.ReadHint(t.Context(), k); h != nil || err != nil {
		t.Errorf("hint: %v, %v", h, err)
	}
}

// TestDamagedHintsAreRebuilt keeps those that can be read, and counts what is left.
func TestDamagedHintsAreRebuilt(t *testing.T) {
	const keys = 200
	fs := vfs.NewMem()
	s := open(t, fs, Options{})
	for i := range keys {
		if _, err := s.Write(t.Context(), key(i), KindHint, func(tx *Tx) error {
			var none *causal.Object
			tx.SetHint(&Hint{Targets: []ring.NodeID{9}, W: 2, Since: 1, Object: none.Put(causal.Write{
				Dot: causal.Dot{Actor: 1, Counter: 1}, Stamp: 1, Policy: causal.Siblings, Generation: 1, Value: noise(1 << 10),
			})})
			return nil
		}); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, fs, Options{})
	if err := s.Close(); err != nil { // the log became a table
		t.Fatal(err)
	}
	flipBytes(t, fs, rand.New(rand.NewPCG(1, 1)))
	s = open(t, fs, Options{})
	if len(s.Damages()) == 0 {
		t.Fatal("a start with damaged hints found nothing")
	}
	mend(t, s, nil)
	left := 0
	for _, err := range s.Hints(t.Context(), nil) {
		if err != nil {
			t.Fatalf("hints: %v", err)
		}
		left++
	}
	stats := s.HintStats()
	if left < keys/2 || left == keys || stats.Count != int64(left) || stats.ByTarget[9] != int64(left) {
		t.Errorf("%d of %d hints are left, and counted as %+v", left, keys, stats)
	}
}
