package ring

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func drawName(t *rapid.T, label string) Name {
	small := rapid.Uint64Range(0, 2)
	return Name{
		Era:     Era{Number: small.Draw(t, label+" era"), Random: small.Draw(t, label+" random")},
		Version: small.Draw(t, label+" version"),
		Hash:    Hash{byte(small.Draw(t, label+" hash"))},
	}
}

func TestNamesAreOrderedAndConflictsAreMutual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawName(t, "a"), drawName(t, "b"), drawName(t, "c")
		if a.Compare(b) != -b.Compare(a) || a.Compare(a) != 0 {
			t.Errorf("%v and %v compare as %d and %d", a, b, a.Compare(b), b.Compare(a))
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Errorf("%v, %v, %v are in no order", a, b, c)
		}
		if a.Conflicts(b) != b.Conflicts(a) || a.Conflicts(a) {
			t.Errorf("%v conflicts with %v: %v, and the other way: %v", a, b, a.Conflicts(b), b.Conflicts(a))
		}
		if a != b && a.Compare(b) == 0 && !a.Conflicts(b) {
			t.Errorf("%v and %v are different, equally new, and not in conflict", a, b)
		}
	})
}

func TestNameConflicts(t *testing.T) {
	base := Name{Era: Era{1, 7}, Version: 3, Hash: Hash{1}}
	for name, c := range map[string]struct {
		change    func(*Name)
		conflicts bool
		compare   int // of base with it
	}{
		"the same name":                                  {func(*Name) {}, false, 0},
		"another hash of one version":                    {func(n *Name) { n.Hash[0]++ }, true, 0},
		"a later version":                                {func(n *Name) { n.Version++; n.Hash[0]++ }, false, -1},
		"an earlier version":                             {func(n *Name) { n.Version--; n.Hash[0]++ }, false, 1},
		"an era forced twice, whatever the version":      {func(n *Name) { n.Era.Random++; n.Version++ }, true, -1},
		"a later era of a lower version, which is newer": {func(n *Name) { n.Era = Era{2, 9}; n.Version = 1 }, false, -1},
		"an earlier era of a higher version":             {func(n *Name) { n.Era = Era{0, 9}; n.Version = 9 }, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			other := base
			c.change(&other)
			if base.Conflicts(other) != c.conflicts || base.Compare(other) != c.compare {
				t.Errorf("conflicts %v, compares as %d; want %v, %d", base.Conflicts(other), base.Compare(other), c.conflicts, c.compare)
			}
		})
	}
}

func TestNameText(t *testing.T) {
	n := Name{Era: Era{Number: 2, Random: 5}, Version: 30, Hash: Hash{0xab, 0x12, 0xcd, 0x34, 0xff}}
	if n.String() != "e2.v30.ab12cd34" || n.IsZero() || !(Name{}).IsZero() {
		t.Errorf("%s, zero %v", n, n.IsZero())
	}
}

func TestHashAndNodeIDComeBackFromText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := struct {
			ID   NodeID
			Hash Hash
		}{NodeID(rapid.Uint64().Draw(t, "id")), HashOf(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got := want
		got.ID, got.Hash = 0, Hash{}
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Errorf("%v became %s and then %v: %v", want, text, got, err)
		}
		if id, err := ParseNodeID(want.ID.String()); err != nil || id != want.ID || len(want.ID.String()) != 16 {
			t.Errorf("%s is parsed as %v: %v", want.ID, id, err)
		}
	})
}

func TestBadNodeIDsAndHashes(t *testing.T) {
	for _, text := range []string{"", "1", strings.Repeat("0", 15), strings.Repeat("0", 17), "000000000000000g", "+000000000000001", "0x00000000000001", "-000000000000001", "0000_00000000001"} {
		if id, err := ParseNodeID(text); err == nil {
			t.Errorf("%q is parsed as node %v", text, id)
		}
		id := NodeID(math.MaxUint64)
		if err := id.UnmarshalText([]byte(text)); err == nil || id != math.MaxUint64 {
			t.Errorf("%q is read as node %v: %v", text, id, err)
		}
	}
	for _, text := range []string{"", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("g", 32), strings.Repeat("0", 31) + "-"} {
		h := Hash{9}
		if err := h.UnmarshalText([]byte(text)); err == nil || h != (Hash{9}) {
			t.Errorf("%q is read as hash %v: %v", text, h, err)
		}
	}
}
