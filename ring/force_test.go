package ring

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForcedWithout(t *testing.T) {
	base := mustFirst(t, testMembers(5), 8, 3)
	d, err := base.ForcedWithout([]NodeID{5, 2, 3}, 1, 1234, 99)
	if err != nil {
		t.Fatal(err)
	}
	want := &Forced{From: base.Name(), At: 1234, By: 1, Lost: []NodeID{2, 3, 5}}
	if diff := cmp.Diff(want, d.Forced); diff != "" {
		t.Error(diff)
	}
	if d.Era != (Era{Number: 1, Random: 99}) || d.Version != base.Version+1<<20 {
		t.Errorf("era %v, version %d", d.Era, d.Version)
	}
	if diff := cmp.Diff([]NodeID{1, 4}, d.Voters); diff != "" {
		t.Error(diff)
	}
	if len(d.Members) != 5 {
		t.Errorf("%d members: the lost stay until they are replaced", len(d.Members))
	}
	for p, e := range d.Layout {
		if diff := cmp.Diff(base.Layout[p].Serving, e.Serving); diff != "" || e.Changed != d.Version {
			t.Errorf("partition %d changed in %d: %s", p, e.Changed, diff)
		}
	}
	later, err := d.WithBucket(Bucket{Name: "b", Policy: PolicySiblings})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, later.Forced); diff != "" {
		t.Errorf("a later version: %s", diff)
	}
	if clone := d.Clone(); &clone.Forced.Lost[0] == &d.Forced.Lost[0] {
		t.Error("a clone shares the lost")
	}
}

func TestForcedWithoutRefuses(t *testing.T) {
	base := mustFirst(t, testMembers(3), 8, 3)
	for name, lost := range map[string][]NodeID{
		"nobody is lost": nil, "a stranger is lost": {2, 9}, "one is named twice": {2, 2}, "all who vote are lost": {1, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := base.ForcedWithout(lost, 1, 0, 9); !errors.Is(err, ErrStep) || d != nil {
				t.Errorf("%v, %v", d, err)
			}
		})
	}
}

func TestSetsAside(t *testing.T) {
	first := mustFirst(t, testMembers(3), 8, 3)
	base, err := first.WithBucket(Bucket{Name: "b", Policy: PolicySiblings})
	if err != nil {
		t.Fatal(err)
	}
	d, err := base.ForcedWithout([]NodeID{2, 3}, 1, 0, 9)
	if err != nil {
		t.Fatal(err)
	}
	later, twin, elsewhere := base.Name(), base.Name(), first.Name()
	later.Version++
	twin.Hash[0]++
	elsewhere.Era.Random++
	for name, c := range map[string]struct {
		held Name
		want bool
	}{
		"the document it forked from is part of it":            {base.Name(), false},
		"so is one before that":                                {first.Name(), false},
		"a later one of the old era is not":                    {later, true},
		"nor another one of the same version":                  {twin, true},
		"of an era that it did not fork from nothing is known": {elsewhere, true},
		"nothing is lost with its own era":                     {d.Name(), false},
		"nor with no document":                                 {Name{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := d.SetsAside(c.held); got != c.want {
				t.Errorf("sets %s aside: %v", c.held, got)
			}
		})
	}
	if base.SetsAside(later) {
		t.Error("a document that was never forced sets aside")
	}
}

// A member that a force gave up counts again once a change completes at which it answers:
// before, the others could lose their majority by the first change that they decide.
func TestWhoWasGivenUpVotesAgainOnceItAnswers(t *testing.T) {
	d := must(t)(mustFirst(t, testMembers(5), 16, 3).ForcedWithout([]NodeID{3, 4, 5}, 1, 0, 9))
	complete := func(step Step, silent ...NodeID) {
		t.Helper()
		d = applied(t, d, step)
		for _, phase := range []Phase{PhaseWait, PhaseCopy, PhaseSwitch, PhaseDrop} {
			if len(d.allOf(phase)) > 0 {
				d = must(t)(d.Advance(d.movesFrom(phase, []NodeID{1, 2, 3, 4, 5, 6, 7})))
			}
		}
		d = must(t)(d.Completed(silent...))
	}
	for _, c := range []struct {
		step   Step
		silent []NodeID
		want   []NodeID
	}{
		{add(testMembers(6)[5]), []NodeID{3, 4, 5}, []NodeID{1, 2, 6}},
		{remove(3, Expelled), []NodeID{3, 5}, []NodeID{1, 2, 4, 6}},
		{add(testMembers(7)[6]), []NodeID{4, 5}, []NodeID{1, 2, 4, 6, 7}}, // 4 was heard of, and is away like any
	} {
		if complete(c.step, c.silent...); !slices.Equal(d.Voters, c.want) {
			t.Errorf("after %s %v vote, want %v", c.step.Verb, d.Voters, c.want)
		}
	}
}

func TestOfTheGivenUpNobodyIsWaitedFor(t *testing.T) {
	d := must(t)(mustFirst(t, testMembers(6), 16, 3).ForcedWithout([]NodeID{4, 5, 6}, 1, 0, 9))
	for want, set := range map[int][]NodeID{0: {4, 5, 6}, 1: {1, 5, 6}, 2: {1, 2, 6}} {
		if got := d.MajorityOf(set); got != want {
			t.Errorf("%d of %v, want %d", got, set, want)
		}
	}
}

// A second force forgets nobody of the first, nor what its losing side made.
func TestASecondForceRemembersTheFirst(t *testing.T) {
	first := must(t)(mustFirst(t, testMembers(6), 16, 3).ForcedWithout([]NodeID{3, 4, 5}, 1, 0, 9))
	made := first.Forced.From.Version + 1 // by the losing side, after the fork
	d := must(t)(first.ForcedWithout([]NodeID{2}, 1, 0, 10))
	if !first.Forsaken(made) || !d.Forsaken(made) || d.Forsaken(first.Version) {
		t.Errorf("forsaken: %v, then %v; what the first force decided: %v", first.Forsaken(made), d.Forsaken(made), d.Forsaken(first.Version))
	}
	for _, id := range []NodeID{2, 3, 4, 5} {
		if !d.GivenUp(id) {
			t.Errorf("%s is not given up any more", id)
		}
	}
	if d.GivenUp(1) || d.GivenUp(6) {
		t.Error("one who votes is given up")
	}
}

// A partition that moves away from a member which was given up is steady once the new set
// serves: the lost hand over nothing.
func TestAGivenUpFormerOwnerIsNotWaitedFor(t *testing.T) {
	d := must(t)(mustFirst(t, testMembers(5), 16, 3).ForcedWithout([]NodeID{3, 4, 5}, 1, 0, 9))
	d = applied(t, d, add(testMembers(6)[5]))
	for _, phase := range []Phase{PhaseWait, PhaseCopy, PhaseSwitch} {
		d = must(t)(d.Advance(d.allOf(phase)))
	}
	moved := 0
	for p, e := range d.Layout {
		if slices.ContainsFunc(e.Former, func(id NodeID) bool { return id >= 3 && id <= 5 }) {
			t.Errorf("partition %d waits for the lost: %+v", p, e)
		}
		if e.Changed == d.Version && e.Phase == PhaseSteady {
			moved++
		}
	}
	if moved == 0 {
		t.Error("nothing moved away from the lost")
	}
}

// What was to be replaced and was given up stays when the change goes back, and nobody
// waits for it.
func TestAChangeOfTheGivenUpGoesBack(t *testing.T) {
	d := must(t)(mustFirst(t, testMembers(5), 16, 3).ForcedWithout([]NodeID{3, 4, 5}, 1, 0, 9))
	d = applied(t, d, remove(3, Expelled))
	d = must(t)(d.Reverted())
	for _, phase := range []Phase{PhaseWait, PhaseCopy, PhaseSwitch, PhaseDrop} {
		if len(d.allOf(phase)) > 0 {
			d = must(t)(d.Advance(d.movesFrom(phase, []NodeID{1, 2, 3, 4, 5})))
		}
	}
	d = must(t)(d.Completed(3, 4, 5))
	if !slices.Equal(d.Voters, []NodeID{1, 2}) || len(d.Members) != 5 || len(d.Expelled) != 0 {
		t.Errorf("%v vote of %d members, %v are expelled", d.Voters, len(d.Members), d.Expelled)
	}
}

func TestValidateForced(t *testing.T) {
	base := mustFirst(t, testMembers(3), 8, 3)
	forced, err := base.ForcedWithout([]NodeID{2, 3}, 1, 0, 9)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Document){
		"from its own era":       func(d *Document) { d.Forced.From.Era = d.Era },
		"from no document":       func(d *Document) { d.Forced.From = Name{} },
		"from a later version":   func(d *Document) { d.Forced.From.Version = d.Version },
		"by nobody":              func(d *Document) { d.Forced.By = 0 },
		"without nobody":         func(d *Document) { d.Forced.Lost = nil },
		"without one node twice": func(d *Document) { d.Forced.Lost = []NodeID{2, 2} },
	} {
		t.Run(name, func(t *testing.T) {
			d := forced.Clone()
			spoil(d)
			if d.Validate() == nil {
				t.Error("it is valid")
			}
		})
	}
}
