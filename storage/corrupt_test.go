package storage

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// flushed returns a file system with a store whose keys 0 to n-1 lie in tables.
func flushed(t *testing.T, n int) *vfs.MemFS {
	t.Helper()
	return flushedOn(t, vfs.NewMem(), n)
}

// flushedOn is flushed on a given file system.
func flushedOn(t *testing.T, fs *vfs.MemFS, n int) *vfs.MemFS {
	t.Helper()
	s := open(t, fs, Options{})
	for i := range n {
		if _, err := s.Write(t.Context(), key(i), KindPut, putting(append(number(uint64(i+1)), noise(1<<10)...))); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	if err := s.db.Flush(); err != nil {
		t.Fatalf("flush: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return fs
}

// noise is bytes that do not compress.
func noise(n int) []byte {
	out := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(out) // never fails
	return out
}

// flipBytes flips one byte in every table of the store.
func flipBytes(t *testing.T, fs vfs.FS, chance *rand.Rand) {
	t.Helper()
	dir := fs.PathJoin("store", pebbleDir)
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		f, err := fs.OpenReadWrite(fs.PathJoin(dir, name), "test")
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		at := len(raw)/4 + chance.IntN(len(raw)/4) // data blocks, without the records at the beginning
		if _, err := f.WriteAt([]byte{raw[at] ^ 0x40}, int64(at)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADamagedBlockIsNeverNotFound(t *testing.T) {
	const keys = 200
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	for range 5 {
		fs := flushed(t, keys)
		flipBytes(t, fs, chance)
		s := open(t, fs, Options{})
		damaged := 0
		for i := range keys {
			o, err := s.Read(t.Context(), key(i))
			switch {
			case errors.Is(err, ErrCorrupt):
				damaged++
			case err != nil:
				t.Errorf("read of key %d: %v, want ErrCorrupt or the value", i, err)
			case o == nil || numeral(o.Siblings[0].Value) != uint64(i+1):
				t.Errorf("key %d reads as %v", i, o)
			}
		}
		if damaged == 0 || damaged == keys || s.Counters().CorruptReads != uint64(damaged) || s.Counters().Corruptions == 0 {
			t.Errorf("%d of %d keys are damaged; counted %+v", damaged, keys, s.Counters())
		}
		if err := s.Failed(); err != nil {
			t.Errorf("a damaged block failed the store: %v", err)
		}
		var scanned error
		for _, err := range s.Scan(t.Context(), ScanFrom{}, everything) {
			scanned = err
		}
		if !errors.Is(scanned, ErrCorrupt) {
			t.Errorf("a scan over a damaged block ended with %v, want ErrCorrupt", scanned)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

func TestADamagedBlockEndsTheActor(t *testing.T) {
	const keys = 200
	fs := flushed(t, keys)
	flipBytes(t, fs, rand.New(rand.NewPCG(1, 1)))
	s := open(t, fs, Options{})
	var bad, good []Key
	for i := range keys {
		if _, err := s.Read(t.Context(), key(i)); err != nil {
			bad = append(bad, key(i))
		} else {
			good = append(good, key(i))
		}
	}
	i := slices.IndexFunc(good, func(k Key) bool { return partition(k) == partition(bad[0]) })
	j := slices.IndexFunc(good, func(k Key) bool { return partition(k) != partition(bad[0]) })
	near, far := mint(t, s, good[i]), mint(t, s, good[j])
	if _, err := s.Write(t.Context(), bad[0], KindPut, func(*Tx) error {
		t.Error("the change of a damaged key was called")
		return nil
	}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("write to a damaged key: %v, want ErrCorrupt", err)
	}
	if got := mint(t, s, good[i]); got.Actor == near.Actor {
		t.Errorf("the actor of partition %d outlived a damaged block", partition(bad[0]))
	}
	if got := mint(t, s, good[j]); got.Actor != far.Actor {
		t.Errorf("a damaged block of partition %d ended the actor of another", partition(bad[0]))
	}
	near, hint := mint(t, s, good[i]), mintHint(t, s, key(keys+1))
	if err := lastError(s.Scan(t.Context(), ScanFrom{}, everything)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("scan: %v, want ErrCorrupt", err)
	}
	if got := mint(t, s, good[i]); got.Actor == near.Actor {
		t.Errorf("the actor of partition %d outlived a scan that met a damaged block", partition(bad[0]))
	}
	if got := mintHint(t, s, key(keys+1)); got.Actor != hint.Actor {
		t.Error("a damaged block among the objects ended the actor of a hint")
	}
	hinted := mintHint(t, s, key(keys))
	s.hintActors.of(bad[0], s.newHolding)
	_, _ = s.Read(t.Context(), bad[0]) // fails again
	if _, ok := s.hintActors.byKey[bad[0]]; ok {
		t.Error("the actor of a hint outlived the damaged block of its key")
	}
	if again := mintHint(t, s, key(keys)); again.Actor != hinted.Actor {
		t.Error("a damaged block ended the actor of another hint")
	}
}

// TestADamagedBlockOfHintsEndsTheirActors damages tables under an open store.
func TestADamagedBlockOfHintsEndsTheirActors(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs, Options{})
	for i := range 200 {
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
	if err := s.db.Flush(); err != nil {
		t.Fatalf("flush: %v", err)
	}
	flipBytes(t, fs, rand.New(rand.NewPCG(1, 1)))
	before, held := mintHint(t, s, key(1000)), mint(t, s, key(1000))
	if err := lastError(s.Hints(t.Context(), nil)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("hints: %v, want ErrCorrupt", err)
	}
	if after := mintHint(t, s, key(1000)); after.Actor == before.Actor {
		t.Error("the actor of a hint outlived a scan that met a damaged block")
	}
	if after := mint(t, s, key(1000)); after.Actor == held.Actor {
		t.Error("the actor of a partition outlived a scan that met a damaged block")
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = open(t, fs, Options{})
	if len(s.Damages()) == 0 {
		t.Error("a start with damaged hints found nothing")
	}
}

// partition is the one that k falls in.
func partition(k Key) ring.Partition { return k.Position().Partition(testPartitions) }

func TestAValueThatCannotBeDecodedIsCorrupt(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	k := key(1)
	for _, in := range []section{sectionObject, sectionHint} {
		if err := s.db.Set(appendKey(nil, in, k.Position(), k), []byte{0}, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	_, read := s.Read(t.Context(), k)
	_, readHint := s.ReadHint(t.Context(), k)
	calls := map[string]error{
		"read": read, "read of the hint": readHint,
		"write": put(t.Context(), s, k, nil),
		"scan":  lastError(s.Scan(t.Context(), ScanFrom{}, everything)),
		"hints": lastError(s.Hints(t.Context(), nil)),
	}
	for name, err := range calls {
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

func TestAHintThatCannotBeReadAbortsTheWrite(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	k := key(1)
	if err := s.db.Set(appendKey(nil, sectionHint, k.Position(), k), []byte{0}, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	c, err := s.Write(t.Context(), k, KindHint, func(tx *Tx) error {
		if h := tx.Hint(); h != nil {
			t.Errorf("hint %v", h)
		}
		if _, _, err := tx.MintHint(causal.Context{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("mint: %v, want ErrCorrupt", err)
		}
		tx.SetHint(&Hint{})
		return nil
	})
	if c != nil || !errors.Is(err, ErrCorrupt) {
		t.Errorf("write: %v, %v; want ErrCorrupt", c, err)
	}
}

// lastError drains a scan.
func lastError[R any](scan func(func(R, error) bool)) (last error) {
	for _, err := range scan {
		last = err
	}
	return last
}

func TestReadsHearThatTheirContextEnded(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	tired := errors.New("tired")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(tired)
	_, read := s.Read(ctx, key(1))
	_, readHint := s.ReadHint(ctx, key(1))
	for name, err := range map[string]error{
		"read": read, "read of the hint": readHint,
		"scan":    lastError(s.Scan(ctx, ScanFrom{}, everything)),
		"barrier": s.Barrier(ctx),
		"record":  s.SaveMeta(ctx, "x", nil),
	} {
		if !errors.Is(err, tired) {
			t.Errorf("%s: %v, want the cause of the end", name, err)
		}
	}
}
