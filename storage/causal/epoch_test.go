package causal

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestWhatIsBuiltOfSeveralCarriesTheLowestEpoch(t *testing.T) {
	early, late := Epoch{1, 9}, Epoch{2, 3}
	put := func(o *Object, actor Actor, at Epoch) *Object {
		return o.Put(Write{Dot: Dot{actor, 1}, Stamp: Stamp(actor), Policy: Siblings, Epoch: at})
	}
	a, b := put(nil, 1, early), put(nil, 2, late)
	if a.Epoch != early || b.Epoch != late {
		t.Fatalf("new objects are of %v and %v", a.Epoch, b.Epoch)
	}
	for name, got := range map[string]*Object{"a join": Join(a, b), "the other way": Join(b, a), "a put": put(a, 3, late), "a put by one who is behind": put(b, 3, early)} {
		if got.Epoch != early {
			t.Errorf("%s is of %v, want %v", name, got.Epoch, early)
		}
	}
	ab := Join(a, b).At(late)
	if got := Join(ab, a); got != ab {
		t.Errorf("what knows all of it keeps its own epoch, got %v", got.Epoch)
	}
	if got := put(put(nil, 1, early).At(Epoch{}), 2, late); got.Epoch != (Epoch{}) {
		t.Errorf("what was read before any round is of %v", got.Epoch)
	}
	if a.Digest(secret, "b", "k") != a.At(late).Digest(secret, "b", "k") {
		t.Error("an epoch is no part of what an object knows")
	}
}

func TestEpochsAreOrderedAndTravel(t *testing.T) {
	all := []Epoch{{}, {0, 1}, {1, 0}, {1, 1<<64 - 1}, {2, 0}}
	for i, e := range all {
		if got := DecodeEpoch([16]byte(e.Append(nil))); got != e {
			t.Errorf("%v comes back as %v", e, got)
		}
		for j, f := range all {
			if e.Less(f) != (i < j) {
				t.Errorf("%v < %v is %v", e, f, e.Less(f))
			}
		}
		o := (&Object{}).Put(Write{Dot: Dot{1, 1}, Policy: Siblings, Generation: 1}).At(e)
		decoded, err := Decode(o.Append(nil))
		if err != nil || decoded.Epoch != e {
			t.Errorf("an object of %v comes back as %v, %v", e, decoded, err)
		}
	}
	o := (&Object{}).Put(Write{Dot: Dot{1, 1}, Policy: Siblings, Generation: 1}).At(Epoch{1, 1})
	raw := o.Append(nil)
	clear(raw[1:17])
	if _, err := Decode(raw); err == nil {
		t.Error("an encoding that nobody writes was decoded")
	}
}

func TestNarrowKnowsTheSiblingsAndNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := anyObject(rapid.SampledFrom([]Policy{Siblings, LWW}).Draw(t, "policy")).Draw(t, "object")
		if o == nil {
			return
		}
		narrow := o.Narrow()
		if err := narrow.Invariant(); err != nil {
			t.Fatal(err)
		}
		if narrow.Wide() || narrow.Context.Len() > len(o.Siblings) || !o.Context.Includes(narrow.Context) || narrow.MaxStamp() != o.MaxStamp() {
			t.Errorf("%+v became %+v", o.Context, narrow.Context)
		}
		if o.Wide() {
			show := func(o *Object) (dots []Dot) {
				for _, s := range o.Live(100) {
					dots = append(dots, s.Dot)
				}
				return dots
			}
			if !slices.Equal(show(o), show(narrow)) {
				t.Errorf("shown was %v, is %v", show(o), show(narrow))
			}
		}
	})
}

// The dot that was replaced says that its twin, of the same operation, is not to be shown:
// it is not forgotten while the twin is there.
func TestATwinsDotIsNotForgotten(t *testing.T) {
	op := OpID{1}
	replaced := (&Object{}).Put(Write{Dot: Dot{1, 1}, Stamp: 1, Op: op, Policy: Siblings, Generation: 1})
	next := replaced.Put(Write{Dot: Dot{2, 1}, Stamp: 2, Op: OpID{2}, Policy: Siblings, Generation: 1})
	twin := (&Object{}).Put(Write{Dot: Dot{3, 1}, Stamp: 1, Op: op, Policy: Siblings, Generation: 1})
	o := Join(next, twin)
	if live := o.Live(0); len(o.Siblings) != 2 || len(live) != 1 || live[0].Dot != (Dot{2, 1}) {
		t.Fatalf("it shows %+v of %+v", live, o.Siblings)
	}
	if o.Wide() {
		t.Error("its context would be narrowed, and the twin shown")
	}
	if !next.Wide() {
		t.Error("without a twin nothing holds the context of what was replaced")
	}
}

func TestTheDeadAndTheMortal(t *testing.T) {
	for name, tc := range map[string]struct {
		siblings     []Sibling
		dead, mortal bool
	}{
		"a value":                       {[]Sibling{{}}, false, false},
		"a tombstone":                   {[]Sibling{{Tombstone: true}}, true, true},
		"expired":                       {[]Sibling{{Expiry: 100}}, true, true},
		"will expire":                   {[]Sibling{{Expiry: 101}}, false, true},
		"a tombstone and a value":       {[]Sibling{{Tombstone: true}, {}}, false, false},
		"a tombstone and what expires":  {[]Sibling{{Tombstone: true}, {Expiry: 101}}, false, true},
		"a tombstone, and what expired": {[]Sibling{{Tombstone: true}, {Expiry: 1}}, true, true},
	} {
		o := &Object{Siblings: tc.siblings}
		if o.Dead(100) != tc.dead || o.Mortal() != tc.mortal {
			t.Errorf("%s: dead %v, mortal %v", name, o.Dead(100), o.Mortal())
		}
	}
	if (*Object)(nil).Dead(0) || (*Object)(nil).Mortal() || (*Object)(nil).Wide() {
		t.Error("nothing is dead, mortal or wide")
	}
}
