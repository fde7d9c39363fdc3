package causal

import (
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"
)

func TestEqualObjectsHaveEqualDigests(t *testing.T) {
	policies(t, func(t *rapid.T, policy Policy) {
		gen := anyObject(policy)
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		if got := clone(a).Digest(secret, "b", "k"); got != a.Digest(secret, "b", "k") {
			t.Fatalf("two digests of %s", show(a))
		}
		if same := a.Digest(secret, "b", "k") == b.Digest(secret, "b", "k"); same != equal(a, b) {
			t.Fatalf("equal digests: %v, of %s\nand %s", same, show(a), show(b))
		}
	})
}

// whole has something in every field.
func whole() *Object {
	return &Object{
		Policy: Siblings, Generation: 300,
		Context: NewContext(0x0123456789abcdef, Dot{7, 9}, Dot{0xfedcba9876543210, 200}),
		Ops: []Operation{
			{0x0123456789abcdef, Dot{7, 8}, OpID{0xa1}}, {0x0123456789abcdee, Dot{7, 9}, OpID{0xa2}},
		},
		Siblings: []Sibling{
			{
				Dot: Dot{7, 8}, Op: OpID{0xa1}, Stamp: 0x0123456789abcdef, Expiry: 1000, ContentType: "text/plain",
				Meta: []Pair{{"color", "red"}, {"size", ""}}, Value: []byte("milk"), Size: 4,
			},
			{Dot: Dot{7, 9}, Op: OpID{0xa2}, Stamp: 1, Tombstone: true},
		},
	}
}

func TestTheDigestIsOfAllThatIsKnown(t *testing.T) {
	base := whole().Digest(secret, "bucket", "key")
	for name, got := range map[string]Digest{
		"another secret":                     whole().Digest([]byte("secreT"), "bucket", "key"),
		"another bucket":                     whole().Digest(secret, "bucke", "key"),
		"another key":                        whole().Digest(secret, "bucket", "kez"),
		"the border of bucket and key moved": whole().Digest(secret, "bucketk", "ey"),
		"the border of the secret moved":     whole().Digest([]byte("secre"), "tbucket", "key"),
	} {
		if got == base {
			t.Errorf("%s: the digest stays", name)
		}
	}
	for name, change := range map[string]func(*Object){
		"another policy":            func(o *Object) { o.Policy = LWW },
		"another generation":        func(o *Object) { o.Generation++ },
		"one more dot known":        func(o *Object) { o.Context = o.Context.with(Dot{7, 10}, 0) },
		"a higher stamp known":      func(o *Object) { o.Context = o.Context.with(Dot{7, 1}, 1<<60) },
		"an operation less":         func(o *Object) { o.Ops = o.Ops[:1] },
		"another operation":         func(o *Object) { o.Ops[0].Op[0]++ },
		"an operation's other dot":  func(o *Object) { o.Ops[0].Dot.Counter++ },
		"an operation's stamp":      func(o *Object) { o.Ops[0].Stamp++ },
		"a sibling less":            func(o *Object) { o.Siblings = o.Siblings[:1] },
		"a sibling's dot":           func(o *Object) { o.Siblings[0].Dot.Counter-- },
		"a sibling's operation":     func(o *Object) { o.Siblings[0].Op[0]++ },
		"a sibling's stamp":         func(o *Object) { o.Siblings[0].Stamp-- },
		"a sibling's expiry":        func(o *Object) { o.Siblings[0].Expiry++ },
		"a value for a tombstone":   func(o *Object) { o.Siblings[1].Tombstone = false },
		"another content type":      func(o *Object) { o.Siblings[0].ContentType = "text/html" },
		"other metadata":            func(o *Object) { o.Siblings[0].Meta[1].Value = "x" },
		"another value":             func(o *Object) { o.Siblings[0].Value[3]++ },
		"a value cut short":         func(o *Object) { o.Siblings[0].Value, o.Siblings[0].Size = o.Siblings[0].Value[:3], 3 },
		"no bytes where some were":  func(o *Object) { *o = *o.Strip() },
		"an operation for siblings": func(o *Object) { o.Ops, o.Siblings = append(o.Ops, Operation{}), o.Siblings[:1] },
	} {
		o := whole()
		change(o)
		if o.Digest(secret, "bucket", "key") == base {
			t.Errorf("%s: the digest stays", name)
		}
	}
	if got := (*Object)(nil).Digest(secret, "bucket", "key"); got != (Digest{}) {
		t.Errorf("the digest of nothing is %x", got)
	}
}

// TestTheDigestStays: nodes of two versions compare digests, whatever each one's
// encoding is.
func TestTheDigestStays(t *testing.T) {
	const want = "3a8c4b3b05d16bbd19744049ceac6cf2"
	got := whole().Digest(secret, "bucket", "key")
	if text := hex.EncodeToString(got[:]); text != want {
		t.Errorf("digest %s, want %s", text, want)
	}
}
