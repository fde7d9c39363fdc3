package ring

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func add(m Member) Step                { return Step{Verb: VerbAdd, Node: m.ID, Member: &m} }
func remove(id NodeID, how Going) Step { return Step{Verb: VerbRemove, Node: id, Going: how} }
func replace(id NodeID, m Member) Step {
	return Step{Verb: VerbReplace, Node: id, Going: Expelled, Member: &m}
}
func weigh(id NodeID, weight int) Step   { return Step{Verb: VerbSet, Node: id, Weight: weight} }
func (d *Document) allOf(p Phase) []Move { return d.movesFrom(p, nil) }

// movesFrom moves every partition on that is in a phase.
func (d *Document) movesFrom(phase Phase, dropped []NodeID) []Move {
	var moves []Move
	for p, e := range d.Layout {
		if e.Phase == phase && phase != PhaseSteady {
			moves = append(moves, Move{Partition: Partition(p), From: phase, Changed: e.Changed, Dropped: dropped})
		}
	}
	return moves
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func must(t fataler) func(*Document, error) *Document {
	return func(d *Document, err error) *Document {
		t.Helper()
		if err != nil || d == nil {
			t.Fatalf("edit: %v, %v", d, err)
		}
		return d
	}
}

// applied is a document with steps in flight.
func applied(t fataler, d *Document, steps ...Step) *Document {
	t.Helper()
	d = must(t)(d.WithStaged(steps...))
	plan, err := d.Plan()
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	return must(t)(d.Apply(plan.Hash))
}

func TestAChangeGoesThroughItsPhases(t *testing.T) {
	d := mustFirst(t, testMembers(4), 16, 3)
	m5 := testMembers(5)[4]
	d = applied(t, d, replace(2, m5))
	first := slices.IndexFunc(d.Layout, func(e Entry) bool { return e.Phase == PhaseWait })
	if first < 0 || len(d.Voters) != 4 || d.Change == nil || len(d.Staged) != 0 {
		t.Fatalf("applied: %+v", d)
	}
	old, next := d.Layout[first].Serving, d.Layout[first].Next
	stale := d.allOf(PhaseWait)

	d = must(t)(d.Advance(d.allOf(PhaseWait)))
	if e := d.Layout[first]; e.Phase != PhaseCopy || !slices.Equal(e.Serving, old) || !slices.Equal(e.Second(), next) || e.Changed != d.Version {
		t.Errorf("copy: %+v", e)
	}
	if void, err := d.Advance(stale); void != nil || err != nil {
		t.Errorf("a stale move is taken: %v, %v", void, err)
	}
	d = must(t)(d.Advance(d.allOf(PhaseCopy)))
	if e := d.Layout[first]; e.Phase != PhaseSwitch || !slices.Equal(e.Serving, next) || !slices.Equal(e.Second(), old) {
		t.Errorf("switch: %+v", e)
	}
	d = must(t)(d.Advance(d.allOf(PhaseSwitch)))
	if e := d.Layout[first]; e.Phase != PhaseSteady || e.Second() != nil || !slices.Equal(e.Serving, next) {
		t.Errorf("the expelled node is waited for: %+v", e)
	}
	d = must(t)(d.Completed())
	if !slices.Equal(d.Voters, []NodeID{1, 3, 4, 5}) || !slices.Equal(d.Expelled, []NodeID{2}) || d.Change != nil || len(d.Members) != 4 {
		t.Errorf("completed: voters %v, expelled %v, members %v", d.Voters, d.Expelled, d.Members)
	}
}

func TestWhoLeavesIsWaitedFor(t *testing.T) {
	d := applied(t, mustFirst(t, testMembers(5), 16, 3), remove(2, Leaves))
	for _, phase := range []Phase{PhaseWait, PhaseCopy, PhaseSwitch} {
		d = must(t)(d.Advance(d.allOf(phase)))
	}
	if early, err := d.Completed(); early != nil || err != nil {
		t.Fatalf("completed while node 2 holds copies: %v", err)
	}
	for _, e := range d.Layout {
		if e.Phase == PhaseDrop && slices.Contains(e.Serving, 2) {
			t.Fatalf("%+v", e)
		}
	}
	d = must(t)(d.Advance(d.movesFrom(PhaseDrop, []NodeID{2, 1, 3, 4, 5})))
	d = must(t)(d.Completed())
	if _, member := d.Member(2); member || len(d.Expelled) != 0 {
		t.Errorf("members %v, expelled %v", d.Members, d.Expelled)
	}
}

// A change that goes back has newcomers hand over what they took. One that falls
// silent then is not waited for either, once it is amended away.
func TestASilentNewcomerIsNotWaitedForOnTheWayBack(t *testing.T) {
	d := applied(t, mustFirst(t, testMembers(4), 16, 3), add(testMembers(5)[4]))
	d = must(t)(d.Advance(d.allOf(PhaseWait)))
	d = must(t)(d.Reverted())
	if len(d.allOf(PhaseDrop)) == 0 {
		t.Fatal("nobody hands over")
	}
	d = must(t)(d.Amended(5, nil))
	for p, e := range d.Layout {
		if slices.Contains(e.Former, 5) {
			t.Fatalf("partition %d waits for the expelled: %+v", p, e)
		}
	}
	d = must(t)(d.Completed())
	if !slices.Equal(d.Expelled, []NodeID{5}) || !slices.Equal(d.Voters, []NodeID{1, 2, 3, 4}) {
		t.Errorf("expelled %v, voters %v", d.Expelled, d.Voters)
	}
}

// A newcomer that died is replaced by another one while the change is in flight, and who
// died while it left is waited for no more.
func TestAChangeIsAmended(t *testing.T) {
	pool := testMembers(6)
	first := mustFirst(t, pool[:4], 16, 3)
	finish := func(t *testing.T, d *Document, everybody []NodeID) *Document {
		for _, phase := range []Phase{PhaseWait, PhaseCopy, PhaseSwitch, PhaseDrop} {
			if len(d.allOf(phase)) > 0 {
				d = must(t)(d.Advance(d.movesFrom(phase, everybody)))
			}
		}
		return must(t)(d.Completed())
	}
	t.Run("another newcomer", func(t *testing.T) {
		d := applied(t, first, add(pool[4]))
		d = must(t)(d.Advance(d.allOf(PhaseWait)[:3]))
		d = must(t)(d.Amended(5, &pool[5]))
		if _, err := d.Amended(5, nil); err != nil {
			t.Errorf("once more: %v", err)
		}
		d = finish(t, d, []NodeID{1, 2, 3, 4, 6})
		held := map[NodeID]int{}
		for _, e := range d.Layout {
			for _, id := range e.Serving {
				held[id]++
			}
		}
		if held[5] != 0 || held[6] < 9 || held[6] > 10 || !slices.Equal(d.Expelled, []NodeID{5}) {
			t.Errorf("partitions %v, expelled %v; want 9 or 10 of 48 at node 6 and none at 5", held, d.Expelled)
		}
	})
	t.Run("a node that serves", func(t *testing.T) {
		d := applied(t, first, add(pool[4]))
		d = must(t)(d.Advance(d.allOf(PhaseWait)))
		d = must(t)(d.Advance(d.allOf(PhaseCopy)))
		d = must(t)(d.Advance(d.allOf(PhaseSwitch)[1:]))
		d = must(t)(d.Amended(5, &pool[5]))
		if n := len(d.allOf(PhaseSwitch)); n != 1 {
			t.Fatalf("%d partitions whose reads are moving, of 1: these are left alone", n)
		}
		d = must(t)(d.Advance(d.allOf(PhaseSwitch)))
		d = finish(t, must(t)(d.Amended(5, nil)), []NodeID{1, 2, 3, 4, 6})
		for p, e := range d.Layout {
			if slices.Contains(e.Serving, 5) {
				t.Errorf("partition %d is served by the dead: %v", p, e)
			}
		}
	})
	t.Run("a node that leaves", func(t *testing.T) {
		d := applied(t, first, remove(4, Leaves))
		for _, phase := range []Phase{PhaseWait, PhaseCopy, PhaseSwitch} {
			d = must(t)(d.Advance(d.movesFrom(phase, nil)))
		}
		if len(d.allOf(PhaseDrop)) == 0 {
			t.Fatal("nobody hands over")
		}
		d = finish(t, must(t)(d.Amended(4, nil)), []NodeID{1, 2, 3})
		if !slices.Equal(d.Expelled, []NodeID{4}) || len(d.Left) != 0 {
			t.Errorf("expelled %v, left %v", d.Expelled, d.Left)
		}
	})
}

// A silent newcomer has no part in the change any more and is a member still, which
// leaves: it may live behind a split, with what it alone took. Nobody but a person expels.
func TestASilentNewcomerIsSpared(t *testing.T) {
	d := applied(t, mustFirst(t, testMembers(4), 16, 3), add(testMembers(5)[4]))
	d = must(t)(d.Advance(d.allOf(PhaseWait)[:3]))
	d = must(t)(d.Spared(5))
	for p, e := range d.Layout {
		if slices.Contains(e.Next, 5) {
			t.Errorf("partition %d still waits for it: %+v", p, e)
		}
	}
	if m, member := d.Member(5); !member || m.Going != Leaves || d.IsExpelled(5) {
		t.Errorf("it is %+v, a member: %v", m, member)
	}
	if again, err := d.Spared(5); again != nil || err != nil {
		t.Errorf("once more: %v, %v", again, err)
	}
	if _, err := d.Spared(1); !errors.Is(err, ErrStep) {
		t.Errorf("a member that votes: %v", err)
	}
}

func TestEditsRefuse(t *testing.T) {
	members := testMembers(4)
	base := mustFirst(t, members[:3], 16, 3)
	flying := applied(t, base, add(members[3]))
	for name, tc := range map[string]struct {
		edit func() (*Document, error)
		want error
	}{
		"a member that is one":             {func() (*Document, error) { return base.WithStaged(add(members[1])) }, ErrStep},
		"a node that is none":              {func() (*Document, error) { return base.WithStaged(remove(9, Leaves)) }, ErrStep},
		"fewer members than replicas":      {func() (*Document, error) { return base.WithStaged(remove(1, Leaves)) }, ErrStep},
		"one node in two steps":            {func() (*Document, error) { return base.WithStaged(weigh(1, 50), weigh(1, 60)) }, ErrStep},
		"a weight that is none":            {func() (*Document, error) { return base.WithStaged(weigh(1, 5000)) }, ErrStep},
		"a third way to go":                {func() (*Document, error) { return base.WithStaged(remove(1, "vanish")) }, ErrStep},
		"an apply without anything staged": {func() (*Document, error) { return base.Apply("x") }, ErrStep},
		"an apply of another plan":         {func() (*Document, error) { return must(t)(base.WithStaged(add(members[3]))).Apply("x") }, ErrPlan},
		"a second change":                  {func() (*Document, error) { return must(t)(flying.WithStaged(weigh(1, 50))).Apply("x") }, ErrChanging},
		"a pause of nothing":               {func() (*Document, error) { return base.WithPaused(true) }, ErrNoChange},
		"going back from nothing":          {func() (*Document, error) { return base.Reverted() }, ErrNoChange},
		"an amendment without anything":    {func() (*Document, error) { return base.Amended(1, nil) }, ErrNoChange},
		"an amendment of who is no member": {func() (*Document, error) { return flying.Amended(9, nil) }, ErrStep},
		"an amendment with a member":       {func() (*Document, error) { return flying.Amended(1, &members[1]) }, ErrStep},
		"an amendment that leaves too few": {func() (*Document, error) { return must(t)(flying.Amended(1, nil)).Amended(2, nil) }, ErrStep},
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := tc.edit(); d != nil || !errors.Is(err, tc.want) {
				t.Errorf("%v, %v; want %v", d, err, tc.want)
			}
		})
	}
}

// Any order of edits leaves a valid document in which every partition is served by N
// members, and every change comes to its end.
func TestEditLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := testMembers(9, "a", "b", "c", "d")
		d, err := First(firstOf(pool[:4], 16, 3))
		if err != nil {
			t.Fatal(err)
		}
		step := func(next *Document, err error) {
			if err == nil && next != nil {
				if next.Version != d.Version+1 {
					t.Fatalf("version %d after %d", next.Version, d.Version)
				}
				d = next
			}
			for p, e := range d.Layout {
				if len(e.Serving) != 3 {
					t.Fatalf("partition %d is served by %v", p, e.Serving)
				}
			}
		}
		some := func(moves []Move) []Move {
			return slices.DeleteFunc(moves, func(Move) bool { return rapid.Bool().Draw(t, "not yet") })
		}
		for range rapid.IntRange(1, 30).Draw(t, "edits") {
			m := rapid.SampledFrom(pool).Draw(t, "node")
			switch rapid.IntRange(0, 9).Draw(t, "edit") {
			case 0:
				step(d.WithStaged(add(m)))
			case 1:
				step(d.WithStaged(remove(m.ID, rapid.SampledFrom([]Going{Leaves, Expelled}).Draw(t, "how"))))
			case 2:
				step(d.WithStaged(weigh(m.ID, rapid.IntRange(10, 300).Draw(t, "weight"))))
			case 3, 4:
				if plan, err := d.Plan(); err == nil {
					step(d.Apply(plan.Hash))
				}
			case 5:
				step(d.Reverted())
			case 6:
				var with *Member
				if other := rapid.SampledFrom(pool).Draw(t, "other"); rapid.Bool().Draw(t, "with another") {
					with = &other
				}
				step(d.Amended(m.ID, with))
			default:
				phase := rapid.SampledFrom([]Phase{PhaseWait, PhaseCopy, PhaseSwitch, PhaseBack, PhaseDrop}).Draw(t, "phase")
				step(d.Advance(some(d.movesFrom(phase, []NodeID{m.ID}))))
			}
		}
		if d.Change == nil {
			return
		}
		everybody := make([]NodeID, len(pool))
		for i := range pool {
			everybody[i] = pool[i].ID
		}
		for range 3 {
			for _, phase := range []Phase{PhaseWait, PhaseCopy, PhaseSwitch, PhaseBack, PhaseDrop} {
				step(d.Advance(d.movesFrom(phase, everybody)))
			}
			for _, m := range d.Members { // as a driver does
				if m.Going == Expelled {
					step(d.Amended(m.ID, nil))
				}
			}
		}
		if step(d.Completed()); d.Change != nil {
			t.Fatalf("the change does not end: %+v", d.Layout)
		}
	})
}
