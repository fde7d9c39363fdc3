package causal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAnObjectIsReadAsItWasWritten(t *testing.T) {
	policies(t, func(t *rapid.T, policy Policy) {
		o := anyObject(policy).Draw(t, "object")
		for _, o := range []*Object{o, o.Strip()} {
			raw := o.Append([]byte("before"))[len("before"):]
			got, err := Decode(raw)
			if err != nil {
				t.Fatalf("%s: %v", show(o), err)
			}
			if !got.same(o) || got.Generation != o.Generation || !equal(got, o) {
				t.Fatalf("%s was read as %s", show(o), show(got))
			}
		}
	})
	got, err := Decode(whole().Append(nil))
	if diff := cmp.Diff(whole(), got, cmp.AllowUnexported(Context{}), cmp.Transformer("empty", func(b []byte) string { return string(b) })); err != nil || diff != "" {
		t.Errorf("%v, read (-want +got):\n%s", err, diff)
	}
}

// TestTheFormatStays holds the encoding against golden bytes, one line a field in
// the order in which doc.go draws them.
func TestTheFormatStays(t *testing.T) {
	golden, err := os.ReadFile("testdata/object-v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	var drawn []string
	for line := range strings.Lines(string(golden)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), ":")
		field, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, drawn = append(want, field...), append(drawn, name)
	}
	if got := whole().Append(nil); !bytes.Equal(got, want) {
		t.Errorf("encoding %x, want %x", got, want)
	}
	if o, err := Decode(want); err != nil || !equal(o, whole()) {
		t.Errorf("the golden bytes are read as %s, %v", show(o), err)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range drawn {
		if !strings.Contains(string(doc), name) {
			t.Errorf("doc.go does not draw the field %q", name)
		}
	}
}

func TestWhatIsNoObjectIsRefused(t *testing.T) {
	head := func(o *Object) []byte { return o.Append(nil) }
	changed := func(change func(*Object)) []byte {
		o := whole()
		change(o)
		return head(o)
	}
	good := head(whole())
	cases := map[string][]byte{
		"nothing":                     {},
		"another version":             append([]byte{2}, good[1:]...),
		"a byte too many":             append(slices.Clip(good), 0),
		"an unknown policy":           append([]byte{1, 3}, good[2:]...),
		"no policy":                   append([]byte{1, 0}, good[2:]...),
		"a number that is too long":   append([]byte{1, 1, 0xac, 0x82, 0x00}, good[4:]...),
		"no siblings":                 changed(func(o *Object) { o.Siblings = nil }),
		"two siblings of an lww key":  changed(func(o *Object) { o.Policy = LWW }),
		"siblings out of order":       changed(func(o *Object) { o.Siblings[0], o.Siblings[1] = o.Siblings[1], o.Siblings[0] }),
		"two siblings of one dot":     changed(func(o *Object) { o.Siblings[1].Dot = o.Siblings[0].Dot }),
		"a sibling that is not known": changed(func(o *Object) { o.Siblings[1].Dot.Counter = 10 }),
		"a stamp that is not known":   changed(func(o *Object) { o.Siblings[1].Stamp = math.MaxUint64 }),
		"a dot that counts from 0":    changed(func(o *Object) { o.Siblings[0].Dot.Counter = 0 }),
		"operations out of order":     changed(func(o *Object) { o.Ops[0], o.Ops[1] = o.Ops[1], o.Ops[0] }),
		"an operation twice":          changed(func(o *Object) { o.Ops[1] = o.Ops[0] }),
		"too many operations": changed(func(o *Object) {
			for n := range maxOps {
				o.Ops = append(o.Ops, Operation{Stamp: Stamp(100 - n)})
			}
		}),
		"a context out of order":    changed(func(o *Object) { o.Context.dots = []Dot{{8, 1}, {7, 9}} }),
		"a context names one twice": changed(func(o *Object) { o.Context.dots = []Dot{{7, 9}, {7, 9}} }),
		"a context counts to 0":     changed(func(o *Object) { o.Context.dots = []Dot{{6, 0}, {7, 9}} }),
		"an unknown flag":           bytes.Replace(good, []byte{0, 0, 0, 0, 0, 0, 0, 0, 7, 8, 0xa1}, []byte{4, 0, 0, 0, 0, 0, 0, 0, 7, 8, 0xa1}, 1),
	}
	for cut := range good {
		cases["cut to "+hex.EncodeToString(good[:cut])] = good[:cut]
	}
	for name, raw := range cases {
		if o, err := Decode(raw); !errors.Is(err, ErrObject) {
			t.Errorf("%s: %s, %v; want ErrObject", name, show(o), err)
		}
	}
}

// TestDecodingTakesNoMoreThanTheBytesAreWorth feeds counts that promise much.
func TestDecodingTakesNoMoreThanTheBytesAreWorth(t *testing.T) {
	const size, most = 1 << 20, 24 // a pair of empty texts: 32 bytes for 2, and as much again at most
	pad := func(head ...byte) []byte { return append(head, make([]byte, size)...) }
	manyContext := []byte{1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	manySiblings := append(slices.Clip(manyContext), 0, 0)
	onePairs := append(slices.Clip(manySiblings), 1)
	onePairs = append(onePairs, make([]byte, 1+9+16+8+2)...)
	for name, raw := range map[string][]byte{
		"of dots":              pad(append(manyContext, 0x80, 0x80, 0x80, 0x04)...),
		"of all there can be":  pad(append(manyContext, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1)...),
		"of siblings":          pad(append(manySiblings, 0x80, 0x80, 0x80, 0x04)...),
		"of pairs of metadata": pad(append(onePairs, 0xff, 0xff, 0x1f)...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		o, err := Decode(raw)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("a count %s was read as %s", name, show(o))
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > most*size {
			t.Errorf("a count %s: %d bytes made it take %d", name, len(raw), took)
		}
	}
}

func TestNothingHasNoEncoding(t *testing.T) {
	if got := (*Object)(nil).Append([]byte("x")); string(got) != "x" {
		t.Errorf("nothing is written as %x", got)
	}
}

// FuzzDecode: what is read is written as the same bytes, and joins like any other.
func FuzzDecode(f *testing.F) {
	f.Add(whole().Append(nil), whole().Strip().Append(nil))
	f.Add((*Object)(nil).Put(Write{Dot: Dot{1, 1}, Policy: LWW}).Append(nil), []byte{1})
	f.Fuzz(func(t *testing.T, left, right []byte) {
		a, errA := Decode(left)
		b, errB := Decode(right)
		for raw, o := range map[*[]byte]*Object{&left: a, &right: b} {
			if o != nil && !bytes.Equal(o.Append(nil), *raw) {
				t.Errorf("%x was read as %s, which is %x", *raw, show(o), o.Append(nil))
			}
		}
		if errA != nil || errB != nil {
			return
		}
		ab := Join(a, b)
		if a.Policy == b.Policy && !equal(ab, Join(b, a)) {
			t.Errorf("%s\nand %s\njoin to %s\nand %s", show(a), show(b), show(ab), show(Join(b, a)))
		}
		ab.Live(1)
		ab.Digest(secret, "b", "k")
	})
}
