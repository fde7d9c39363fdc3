package causal

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// checkShown holds what a read shows against the rule: a sibling is left out only
// when its operation is shown, or is known by another dot that was seen and
// replaced; never all are. It returns how many were left out.
func checkShown(t *rapid.T, where string, o *Object) (left int) {
	shown := o.distinct()
	if len(shown) == 0 {
		t.Fatalf("%s: a read leaves out all of %s", where, show(o))
	}
	isShown := func(d Dot) bool { return slices.ContainsFunc(shown, func(s Sibling) bool { return s.Dot == d }) }
	for _, s := range o.Siblings {
		if isShown(s.Dot) {
			continue
		}
		left++
		if o.Policy == LWW || !stoodFor(o, shown, s) {
			t.Fatalf("%s: a read leaves %v out of %s", where, s.Dot, show(o))
		}
	}
	for i, s := range shown {
		if s.Op != (OpID{}) && slices.ContainsFunc(shown[:i], func(u Sibling) bool { return u.Op == s.Op }) {
			t.Fatalf("%s: a read shows operation %x of %s twice", where, s.Op, show(o))
		}
	}
	return left
}

func stoodFor(o *Object, shown []Sibling, s Sibling) bool {
	if slices.ContainsFunc(shown, func(u Sibling) bool { return u.Op == s.Op }) {
		return true
	}
	return slices.ContainsFunc(o.Ops, func(op Operation) bool {
		held := slices.ContainsFunc(o.Siblings, func(u Sibling) bool { return u.Dot == op.Dot })
		return op.Op == s.Op && op.Dot != s.Dot && !held && o.Context.Covers(op.Dot)
	})
}

func TestWhatIsShownFollowsTheRule(t *testing.T) {
	policies(t, func(t *rapid.T, policy Policy) {
		checkShown(t, "an object", anyObject(policy).Draw(t, "object"))
	})
}

func TestAReadShows(t *testing.T) {
	const x, y = 1, 2
	type sib struct {
		counter   uint64
		op        byte
		tombstone bool
		expiry    int64
	}
	for name, test := range map[string]struct {
		policy   Policy
		siblings []sib
		gone     []sib // seen and replaced; their operations are remembered
		known    []sib // remembered, but not seen
		want     []uint64
	}{
		"all siblings":                                   {siblings: []sib{{1, x, false, 0}, {2, y, false, 0}}, want: []uint64{1, 2}},
		"one of two of one operation":                    {siblings: []sib{{1, x, false, 0}, {2, x, false, 0}}, want: []uint64{1}},
		"none of an operation that was replaced":         {siblings: []sib{{2, x, false, 0}, {3, y, false, 0}}, gone: []sib{{1, x, false, 0}}, want: []uint64{3}},
		"one of an operation that is not known as seen":  {siblings: []sib{{2, x, false, 0}, {3, y, false, 0}}, known: []sib{{9, x, false, 0}}, want: []uint64{2, 3}},
		"a single sibling though its operation was seen": {siblings: []sib{{2, x, false, 0}}, gone: []sib{{1, x, false, 0}}, want: []uint64{2}},
		"one when all were replaced by another dot":      {siblings: []sib{{3, x, false, 0}, {4, y, false, 0}}, gone: []sib{{1, x, false, 0}, {2, y, false, 0}}, want: []uint64{3}},
		"operations without a name, however many":        {siblings: []sib{{1, 0, false, 0}, {2, 0, false, 0}}, want: []uint64{1, 2}},
		"no tombstone": {siblings: []sib{{1, x, true, 0}, {2, y, false, 0}}, want: []uint64{2}},
		"nothing when a delete saw the operation":                {siblings: []sib{{2, x, false, 0}, {3, y, true, 0}}, gone: []sib{{1, x, false, 0}}},
		"nothing of a tombstone":                                 {siblings: []sib{{1, x, true, 0}}},
		"what expires after now":                                 {siblings: []sib{{1, x, false, 101}}, want: []uint64{1}},
		"nothing that expires now":                               {siblings: []sib{{1, x, false, 100}}},
		"nothing that expired":                                   {siblings: []sib{{1, x, false, 1}, {2, y, false, 99}}},
		"nothing of an operation that a retry minted again":      {siblings: []sib{{1, x, false, 100}, {2, x, false, 200}}},
		"nothing of an operation whose retry was heard of first": {siblings: []sib{{1, x, false, 200}, {2, x, false, 100}}},
		"nothing of an operation that one run gave an expiry":    {siblings: []sib{{1, x, false, 0}, {2, x, false, 100}}},
		"of an lww key the one sibling, whatever was seen":       {policy: LWW, siblings: []sib{{2, x, false, 0}}, gone: []sib{{1, x, false, 0}}, want: []uint64{2}},
	} {
		t.Run(name, func(t *testing.T) {
			o := &Object{Policy: max(test.policy, Siblings), Generation: 1}
			op := func(s sib) []Operation { return []Operation{{0, Dot{1, s.counter}, OpID{s.op}}} }
			for _, s := range test.gone {
				o.Context, o.Ops = o.Context.with(Dot{1, s.counter}, 0), joinOps(o.Ops, op(s))
			}
			for _, s := range test.known {
				o.Ops = joinOps(o.Ops, op(s))
			}
			for _, s := range test.siblings {
				d := Dot{1, s.counter}
				o.Context, o.Ops = o.Context.with(d, 0), joinOps(o.Ops, op(s))
				o.Siblings = append(o.Siblings, Sibling{Dot: d, Op: OpID{s.op}, Tombstone: s.tombstone, Expiry: s.expiry})
			}
			var got []uint64
			for _, s := range o.Live(100) {
				got = append(got, s.Dot.Counter)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("a read of %s shows %v, want %v", show(o), got, test.want)
			}
		})
	}
	if got := (*Object)(nil).Live(0); got != nil {
		t.Errorf("a read of nothing shows %v", got)
	}
}

// TestInterleavedWritersLeaveNoMoreSiblingsThanThereAreWriters is riak_kv#746.
func TestInterleavedWritersLeaveNoMoreSiblingsThanThereAreWriters(t *testing.T) {
	const writers, rounds = 3, 50
	var o *Object
	var seen [writers]Context
	for n := range writers * rounds {
		w := n % writers
		o = o.Put(Write{Dot: Dot{7, uint64(n + 1)}, Op: OpID{byte(n), byte(n >> 8)}, Stamp: Stamp(n + 1), Seen: &Seen{Context: seen[w]}, Policy: Siblings, Generation: 1})
		seen[(w+1)%writers] = o.Context // each reads before it writes, while the others write
		if len(o.Siblings) > writers {
			t.Fatalf("after %d writes by %d writers: %s", n+1, writers, show(o))
		}
	}
	if got := o.Context.Len(); got != 1 {
		t.Errorf("the context names %d actors, want the one that minted", got)
	}
}
