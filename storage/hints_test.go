package storage

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

func TestHintsAreCountedExactly(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, Options{})
	set := func(n int, h *Hint) {
		t.Helper()
		c, err := s.Write(t.Context(), key(n), KindHint, func(tx *Tx) error {
			tx.SetHint(h)
			return nil
		})
		if err == nil {
			err = c.Wait(t.Context())
		}
		if err != nil {
			t.Fatalf("write: %v", err)
		}
	}
	const step = causal.Stamp(1) << sinceShift
	set(1, &Hint{Targets: []ring.NodeID{5, 6}, W: 2, Since: 7 * step})
	set(2, &Hint{Targets: []ring.NodeID{5}, W: 2, Since: 9*step + 3})
	set(3, &Hint{Targets: []ring.NodeID{6}, W: 2, Since: 3 * step})
	set(1, &Hint{Targets: []ring.NodeID{5, 7}, Noted: []ring.NodeID{5}, W: 2, Since: 7 * step})
	set(3, nil)
	set(3, nil)
	want := HintStats{Count: 2, ByTarget: map[ring.NodeID]int64{5: 2, 7: 1}, Oldest: 7 * step}
	if diff := cmp.Diff(want, s.HintStats()); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	crashed := open(t, fs.CrashClone(vfs.CrashCloneCfg{}), Options{})
	if diff := cmp.Diff(want, crashed.HintStats()); diff != "" {
		t.Errorf("hints after a crash (-want +got):\n%s", diff)
	}
	set(1, nil)
	set(2, nil)
	if diff := cmp.Diff(HintStats{ByTarget: map[ring.NodeID]int64{}}, s.HintStats()); diff != "" {
		t.Errorf("no hints (-want +got):\n%s", diff)
	}
}

func TestAHintOfTooManyNodesIsRefused(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	c, err := s.Write(t.Context(), key(1), KindHint, func(tx *Tx) error {
		tx.SetHint(&Hint{Targets: make([]ring.NodeID, maxHintNodes+1)})
		return nil
	})
	if c != nil || err == nil {
		t.Errorf("write: %v, %v; want an error", c, err)
	}
}

// testHint has something in every field.
func testHint() *Hint {
	var none *causal.Object
	return &Hint{
		Targets: []ring.NodeID{1, 0xfedcba9876543210}, Noted: []ring.NodeID{2}, W: 3, Since: 0x0123456789abcdef, Mark: 42,
		Object: none.Put(causal.Write{
			Dot: causal.Dot{Actor: 7, Counter: 8}, Stamp: 9, Policy: causal.LWW, Generation: 10, ContentType: "text/plain", Value: []byte("value"),
		}),
	}
}

func TestEncodingsStay(t *testing.T) {
	k := Key{Bucket: "fruit", Key: "apple\x00"}
	bare := testHint()
	bare.Object = nil
	got := map[string][]byte{
		"object key":     appendKey(nil, sectionObject, k.Position(), k),
		"hint key":       appendKey(nil, sectionHint, k.Position(), k),
		"record key":     metaKey(metaNode),
		"caller's key":   metaKey(metaCallers + "promise"),
		"hint":           bare.encode(),
		"position first": appendPosition(nil, sectionObject, 1<<63),
		"position after": keyAfter(sectionObject, 1<<63-1),
		"section's end":  keyAfter(sectionObject, everything),
	}
	golden, err := os.ReadFile("testdata/encodings.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(golden)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		want[name] = text
	}
	for name, raw := range got {
		if text := hex.EncodeToString(raw); text != want[name] {
			t.Errorf("%s: %s, want %s", name, text, want[name])
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d golden lines, want %d", len(want), len(got))
	}
}

func TestAHintIsReadAsItWasWritten(t *testing.T) {
	for name, change := range map[string]func(*Hint){
		"full":      func(*Hint) {},
		"no object": func(h *Hint) { h.Object = nil },
		"no notes":  func(h *Hint) { h.Noted = nil },
		"no nodes":  func(h *Hint) { h.Targets, h.Noted = nil, nil },
	} {
		want := testHint()
		change(want)
		raw := want.encode()
		got, err := decodeHint(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(causal.Context{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for cut := range len(raw) {
			if h, err := decodeHint(raw[:cut]); err == nil && string(h.encode()) != string(raw[:cut]) {
				t.Errorf("%s: %d of %d bytes were read as %+v", name, cut, len(raw), h)
			}
		}
	}
}

func FuzzDecodeHint(f *testing.F) {
	f.Add(testHint().encode())
	f.Add((&Hint{}).encode())
	f.Add([]byte{hintVersion})
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := decodeHint(raw)
		if err == nil && string(h.encode()) != string(raw) {
			t.Errorf("%x was read as %+v, which is %x", raw, h, h.encode())
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(appendKey(nil, sectionObject, key(1).Position(), key(1)))
	f.Add([]byte("o12345678\x09"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		pos, k, err := parseKey(raw, sectionObject)
		if err == nil && string(appendKey(nil, sectionObject, pos, k)) != string(raw) {
			t.Errorf("%x was read as %d, %+v", raw, pos, k)
		}
	})
}
