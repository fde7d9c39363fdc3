package causal

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestTheJoinIsASemilattice(t *testing.T) {
	policies(t, func(t *rapid.T, policy Policy) {
		gen := anyObject(policy)
		a, b, c := gen.Draw(t, "a"), gen.Draw(t, "b"), gen.Draw(t, "c")
		ab := Join(a, b)
		if ba := Join(b, a); !equal(ab, ba) {
			t.Fatalf("not commutative: %s\nand %s\ngive %s\nor   %s", show(a), show(b), show(ab), show(ba))
		}
		if left, right := Join(ab, c), Join(a, Join(b, c)); !equal(left, right) {
			t.Fatalf("not associative: %s,\n%s\nand %s\ngive %s\nor   %s", show(a), show(b), show(c), show(left), show(right))
		}
		if again := Join(a, clone(a)); again != a {
			t.Fatalf("not idempotent: %s\nbecomes %s", show(a), show(again))
		}
		for name, part := range map[string]*Object{"a": a, "b": b} {
			if again := Join(ab, part); again != ab {
				t.Fatalf("joining %s again makes of %s\n%s", name, show(ab), show(again))
			}
		}
		// Objects that contradict each other, as no schedule makes them, can leave
		// nothing; the store refuses that.
		if err := ab.Invariant(); err != nil && len(ab.Siblings) > 0 {
			t.Fatalf("%s\nand %s\ngive %s: %v", show(a), show(b), show(ab), err)
		}
	})
}

// clone is an equal object that shares nothing.
func clone(o *Object) *Object {
	c, err := Decode(o.Append(nil))
	if err != nil {
		panic(err)
	}
	return c
}

func TestTheJoinReturnsWhatAddsNothing(t *testing.T) {
	policies(t, func(t *rapid.T, policy Policy) {
		gen := anyObject(policy)
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		joined := Join(a, b)
		if equal(joined, a) && joined != a {
			t.Fatalf("%s adds nothing to %s, and it is another object", show(b), show(a))
		}
		if equal(joined, b) && joined != b && joined != a {
			t.Fatalf("%s adds nothing to %s, and it is another object", show(a), show(b))
		}
		if Join(a, nil) != a || Join(nil, a) != a || Join(nil, nil) != nil {
			t.Fatal("nothing adds something")
		}
	})
}

func TestTheJoinChangesNeitherSide(t *testing.T) {
	policies(t, func(t *rapid.T, policy Policy) {
		gen := anyObject(policy)
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		wasA, wasB := a.Append(nil), b.Append(nil)
		next := Join(a, b)
		next.Put(Write{Dot: Dot{99, 1}, Stamp: 1 << 50, Policy: policy, Generation: 2})
		if !bytes.Equal(wasA, a.Append(nil)) || !bytes.Equal(wasB, b.Append(nil)) {
			t.Fatalf("the join of %x\nand %x changed them", wasA, wasB)
		}
	})
}

func TestOfTwoGenerationsTheHigherStaysWhole(t *testing.T) {
	policies(t, func(t *rapid.T, policy Policy) {
		a, b := anyObject(policy).Draw(t, "a"), anyObject(policy).Draw(t, "b")
		a.Generation, b.Generation = 7, 8
		if Join(a, b) != b || Join(b, a) != b {
			t.Fatal("the older generation left something")
		}
		w := Write{Dot: Dot{99, 1}, Stamp: 1, Policy: policy, Generation: 8}
		if got, want := a.Put(w), (*Object)(nil).Put(w); !equal(got, want) {
			t.Fatalf("a put of a newer generation leaves %s, want %s", show(got), show(want))
		}
	})
}

// TestStrippedObjectsJoinLikeWholeOnes is what lets a read without values answer.
func TestStrippedObjectsJoinLikeWholeOnes(t *testing.T) {
	policies(t, func(t *rapid.T, policy Policy) {
		gen := anyObject(policy)
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		if got, want := Join(a.Strip(), b.Strip()), Join(a, b).Strip(); !equal(got, want) {
			t.Fatalf("stripped, %s\nand %s\ngive %s\nwant %s", show(a), show(b), show(got), show(want))
		}
		if joined := Join(a, a.Strip()); joined != a {
			t.Fatalf("joining %s stripped took its values away", show(a))
		}
	})
}

// TestAPutAddsToWhatWasKnown: nothing that a put leaves out comes back by a join.
func TestAPutAddsToWhatWasKnown(t *testing.T) {
	policies(t, func(t *rapid.T, policy Policy) {
		o := anyObject(policy).Draw(t, "object")
		w := Write{Dot: Dot{99, 1}, Stamp: anyStamp.Draw(t, "stamp"), Policy: policy, Generation: o.Generation, Op: anyOp.Draw(t, "op")}
		if rapid.Bool().Draw(t, "with a context") {
			seen := anyObject(policy).Draw(t, "seen").Context
			w.Seen = &Seen{Context: seen}
		}
		next := o.Put(w)
		if err := next.Invariant(); err != nil {
			t.Fatalf("put on %s: %s: %v", show(o), show(next), err)
		}
		if Join(o, next) != next || Join(next, o) != next {
			t.Fatalf("%s\nbecomes %s\nand joined with what it was %s", show(o), show(next), show(Join(o, next)))
		}
	})
}

// TestTheJoinsRules are the cases of the doc's picture and its neighbours.
func TestTheJoinsRules(t *testing.T) {
	a1, a2, b1 := Dot{1, 1}, Dot{1, 2}, Dot{2, 1}
	put := func(o *Object, policy Policy, d Dot, stamp Stamp, saw ...Dot) *Object {
		w := Write{Dot: d, Stamp: stamp, Policy: policy, Generation: 1, Value: []byte{byte(d.Actor), byte(d.Counter)}}
		if saw != nil {
			seen := NewContext(0, saw...)
			w.Seen = &Seen{Context: seen}
		}
		return o.Put(w)
	}
	var none *Object
	first := put(none, Siblings, a1, 1)
	lww := put(none, LWW, a1, 5)
	for name, test := range map[string]struct {
		got  *Object
		want []Dot
	}{
		"a write without a context replaces all":              {put(first, Siblings, a2, 2), []Dot{a2}},
		"a write that saw the value replaces it":              {put(first, Siblings, a2, 2, a1), []Dot{a2}},
		"a write that saw nothing stands beside it":           {put(first, Siblings, a2, 2, Dot{9, 9}), []Dot{a1, a2}},
		"what both hold stays once":                           {Join(first, clone(first)), []Dot{a1}},
		"two that did not see each other both stay":           {Join(first, put(none, Siblings, b1, 2)), []Dot{a1, b1}},
		"the one that was seen goes":                          {Join(first, put(first, Siblings, b1, 2)), []Dot{b1}},
		"the one that was seen goes however late it comes":    {Join(Join(first, put(first, Siblings, b1, 2)), first), []Dot{b1}},
		"lww: the higher stamp stays":                         {Join(lww, put(none, LWW, b1, 4)), []Dot{a1}},
		"lww: of equal stamps the higher dot stays":           {Join(lww, put(none, LWW, b1, 5)), []Dot{b1}},
		"lww: a write that a wrong clock stamped low is lost": {put(lww, LWW, b1, 4), []Dot{a1}},
		"lww: and so is one that saw what outranks it":        {put(lww, LWW, b1, 4, a1), []Dot{a1}},
	} {
		t.Run(name, func(t *testing.T) {
			var dots []Dot
			for _, s := range test.got.Siblings {
				dots = append(dots, s.Dot)
				if !bytes.Equal(s.Value, []byte{byte(s.Dot.Actor), byte(s.Dot.Counter)}) {
					t.Errorf("dot %v has the value %x", s.Dot, s.Value)
				}
			}
			if len(dots) != len(test.want) || dots[0] != test.want[0] || dots[len(dots)-1] != test.want[len(dots)-1] {
				t.Errorf("%s, want the dots %v", show(test.got), test.want)
			}
		})
	}
}

// TestTwoContentsOfOneDotAreSettledAlike: values that share their bytes too.
func TestTwoContentsOfOneDotAreSettledAlike(t *testing.T) {
	value := []byte("value")
	var none *Object
	put := func(expiry int64) *Object {
		return none.Put(Write{Dot: Dot{1, 1}, Stamp: 1, Policy: Siblings, Generation: 1, Value: value, Expiry: expiry})
	}
	a, b := put(1), put(2)
	if ab, ba := Join(a, b), Join(b, a); !equal(ab, ba) {
		t.Errorf("%d and %d", ab.Siblings[0].Expiry, ba.Siblings[0].Expiry)
	}
}
