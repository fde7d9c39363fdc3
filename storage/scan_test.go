package storage

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hengedb/henge/ring"
)

// inOrder is the first n test keys in ring order.
func inOrder(n int) []Key {
	var keys []Key
	for i := range n {
		keys = append(keys, key(i))
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return bytes.Compare(appendKey(nil, sectionObject, a.Position(), a), appendKey(nil, sectionObject, b.Position(), b))
	})
	return keys
}

// fill writes the first n test keys without waiting for the disk.
func fill(t testing.TB, s *Store, n int) {
	t.Helper()
	for i := range n {
		if _, err := s.Write(t.Context(), key(i), KindPut, putting(number(uint64(i)))); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
}

// scanned is the keys that a scan yields.
func scanned(t testing.TB, s *Store, from ScanFrom, last ring.Position) (keys []Key) {
	t.Helper()
	for r, err := range s.Scan(t.Context(), from, last) {
		if err != nil {
			t.Fatalf("scan: %v", err)
		}
		if r.Position != r.Key.Position() || r.Object == nil {
			t.Errorf("record %+v", r)
		}
		keys = append(keys, r.Key)
	}
	return keys
}

func TestAScanYieldsEachKeyOnceInRingOrder(t *testing.T) {
	const n = 3*pageRecords + 7 // several pages
	s := open(t, vfs.NewMem(), Options{})
	fill(t, s, n)
	want := inOrder(n)
	if diff := cmp.Diff(want, scanned(t, s, ScanFrom{}, everything)); diff != "" {
		t.Errorf("scan of everything (-want +got):\n%s", diff)
	}
	for _, at := range []int{0, 1, pageRecords - 1, pageRecords, n - 1} {
		if diff := cmp.Diff(want[at+1:], scanned(t, s, ScanFrom{Key: want[at]}, everything), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("scan after key %d (-want +got):\n%s", at, diff)
		}
		if diff := cmp.Diff(want[at:], scanned(t, s, ScanFrom{Position: want[at].Position()}, everything), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("scan from the position of key %d (-want +got):\n%s", at, diff)
		}
		if diff := cmp.Diff(want[:at+1], scanned(t, s, ScanFrom{}, want[at].Position()), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("scan up to key %d (-want +got):\n%s", at, diff)
		}
	}
	total := 0
	for p := range ring.Partition(testPartitions) {
		first, last := p.Range(testPartitions)
		total += len(scanned(t, s, ScanFrom{Position: first}, last))
	}
	if total != n {
		t.Errorf("the partitions hold %d keys, want %d", total, n)
	}
}

func TestAScanHoldsNothingWhileItsCallerWorks(t *testing.T) {
	const n = 2 * pageRecords
	s := open(t, vfs.NewMem(), Options{})
	fill(t, s, n)
	seen := 0
	for r, err := range s.Scan(t.Context(), ScanFrom{}, everything) {
		if err != nil {
			t.Fatalf("scan: %v", err)
		}
		mustPut(t, s, r.Key, number(1)) // the caller may write
		if seen++; seen == n/2 {
			break
		}
	}
	for _, err := range s.Scan(t.Context(), ScanFrom{}, everything) {
		if err == nil {
			err = s.Close() // and even close
		}
		if err != nil {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("a scan of a store that is closed meanwhile: %v", err)
			}
			return
		}
	}
	t.Error("the scan went on over a closed store")
}

func TestLargeRecordsMakeShortPages(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	const n = 6
	for i := range n {
		mustPut(t, s, key(i), make([]byte, pageBytes/2-1000))
	}
	if got := len(scanned(t, s, ScanFrom{}, everything)); got != n {
		t.Errorf("%d records, want %d", got, n)
	}
	if got := s.Counters().Pages; got != n/2 {
		t.Errorf("%d pages, want %d", got, n/2)
	}
}

func TestHintsAreScannedApartFromObjects(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	fill(t, s, 10)
	for _, i := range []int{3, 5, 7} {
		if _, err := s.Write(t.Context(), key(i), KindHint, hintTo(uint64(i))); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	var want, got []Key
	for _, k := range inOrder(10) {
		if k == key(3) || k == key(5) || k == key(7) {
			want = append(want, k)
		}
	}
	for r, err := range s.Hints(t.Context(), nil) {
		if err != nil || r.Hint.Object != nil || r.Position != r.Key.Position() {
			t.Errorf("hint %+v, %v", r, err)
		}
		got = append(got, r.Key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	got = nil
	for r, err := range s.Hints(t.Context(), &want[0]) {
		if err != nil {
			t.Errorf("hints: %v", err)
		}
		got = append(got, r.Key)
	}
	if diff := cmp.Diff(want[1:], got); diff != "" {
		t.Errorf("hints after the first (-want +got):\n%s", diff)
	}
	if got := len(scanned(t, s, ScanFrom{}, everything)); got != 10 {
		t.Errorf("%d objects, want 10", got)
	}
}
