package causal

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Small universes, so that what is drawn meets.
const (
	testActors   = 4
	testCounters = 3
	// batches of a hundred draws a law: what each planted bug was found with, ten
	// times over.
	batches = 10
)

var secret = []byte("secret")

// anyStamp is low or far, as from clocks that are wrong.
var anyStamp = rapid.Custom(func(t *rapid.T) Stamp {
	return Stamp(rapid.SampledFrom([]uint64{0, 1, 2, 3, 1 << 20, 1 << 40, 1<<64 - 1}).Draw(t, "stamp"))
})

var anyDot = rapid.Custom(func(t *rapid.T) Dot {
	return Dot{
		Actor:   Actor(rapid.Uint64Range(1, testActors).Draw(t, "actor")),
		Counter: rapid.Uint64Range(1, testCounters).Draw(t, "counter"),
	}
})

// anyOp is one of a few operations, so that several dots have one.
var anyOp = rapid.Custom(func(t *rapid.T) OpID {
	return OpID{byte(rapid.IntRange(0, 3).Draw(t, "op"))}
})

var anyText = rapid.SampledFrom([]string{"", "a", "text/plain", "\x00\xff"})

// anySibling has content of its own: two of one dot may differ, as when somebody
// minted a dot twice.
func anySibling(t *rapid.T, d Dot) Sibling {
	s := Sibling{
		Dot: d, Op: anyOp.Draw(t, "op"), Stamp: anyStamp.Draw(t, "stamp"),
		Expiry: rapid.SampledFrom([]int64{0, 1, 50, 100, -1}).Draw(t, "expiry"), Tombstone: rapid.Bool().Draw(t, "tombstone"),
		ContentType: anyText.Draw(t, "type"), Value: []byte(anyText.Draw(t, "value")),
	}
	for range rapid.IntRange(0, 2).Draw(t, "pairs") {
		s.Meta = append(s.Meta, Pair{anyText.Draw(t, "name"), anyText.Draw(t, "value")})
	}
	slices.SortFunc(s.Meta, comparePairs)
	s.Size = len(s.Value)
	return s
}

// anyObject is any object that has no fault, whether writes lead to it or not.
func anyObject(policy Policy) *rapid.Generator[*Object] {
	return rapid.Custom(func(t *rapid.T) *Object {
		o := &Object{Policy: policy, Generation: rapid.Uint64Range(1, 2).Draw(t, "generation")}
		most := 3
		if policy == LWW {
			most = 1
		}
		o.Context = NewContext(anyStamp.Draw(t, "stamp"), rapid.SliceOfN(anyDot, 0, 4).Draw(t, "context")...)
		dots := rapid.SliceOfNDistinct(anyDot, 1, most, func(d Dot) Dot { return d }).Draw(t, "dots")
		slices.SortFunc(dots, Dot.Compare)
		for _, d := range dots {
			s := anySibling(t, d)
			o.Siblings = append(o.Siblings, s)
			o.Context = o.Context.with(d, s.Stamp)
		}
		for range rapid.IntRange(0, maxOps).Draw(t, "operations") {
			o.Ops = joinOps(o.Ops, []Operation{{anyStamp.Draw(t, "stamp"), anyDot.Draw(t, "dot"), anyOp.Draw(t, "op")}})
		}
		if err := o.Invariant(); err != nil {
			t.Fatalf("the generator made a bad object: %v", err)
		}
		return o
	})
}

// policies runs a law for either policy.
func policies(t *testing.T, law func(t *rapid.T, policy Policy)) {
	t.Helper()
	for name, policy := range map[string]Policy{"siblings": Siblings, "lww": LWW} {
		t.Run(name, func(t *testing.T) {
			for range batches {
				rapid.Check(t, func(r *rapid.T) { law(r, policy) })
			}
		})
	}
}

// equal compares objects by their encoding, which is canonical.
func equal(a, b *Object) bool { return bytes.Equal(a.Append(nil), b.Append(nil)) }

// show prints an object as {dot:op@stamp ...} context ops.
func show(o *Object) string {
	if o == nil {
		return "nothing"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "policy %d generation %d {", o.Policy, o.Generation)
	for _, s := range o.Siblings {
		fmt.Fprintf(&b, " %d:%d op %d @%d", s.Dot.Actor, s.Dot.Counter, s.Op[0], s.Stamp)
	}
	fmt.Fprintf(&b, " } context %v @%d ops", o.Context.dots, o.Context.stamp)
	for _, op := range o.Ops {
		fmt.Fprintf(&b, " %d:%d op %d @%d", op.Dot.Actor, op.Dot.Counter, op.Op[0], op.Stamp)
	}
	return b.String()
}
