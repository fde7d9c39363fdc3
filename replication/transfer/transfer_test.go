package transfer

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

func TestANewcomerCopiesWhatAnyOldReplicaHas(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put(0, 5000, 0, 1, 2) // more than a piece a partition
		w.put(5000, 100, 1, 2)  // the first source lacks them
		w.copying()
		time.Sleep(10 * time.Second)
		if got := w.nodes[3].count(); got != 5100 {
			t.Errorf("the newcomer holds %d objects, want 5,100", got)
		}
		r := w.nodes[3].report()
		if len(r.Copied) != 8 || len(r.Waiting) != 0 || len(r.Copied[0].Sources) != 3 || r.Copied[0].Changed != w.document().Version {
			t.Errorf("report %+v, want all 8 compared with 3", r)
		}
		if s := w.nodes[3].tr.Stats(); s.Copied != 8 || s.Failed != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestAReplicaThatComesUpLaterIsComparedToo(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put(0, 100, 0, 1, 2)
		w.put(100, 10, 2)
		w.set(func() { w.away[w.nodes[2].id] = true })
		w.copying()
		time.Sleep(5 * time.Second)
		if r := w.nodes[3].report(); len(r.Copied[0].Sources) != 2 {
			t.Fatalf("compared with %d while one is away, want 2", len(r.Copied[0].Sources))
		}
		w.set(func() { w.away[w.nodes[2].id] = false })
		time.Sleep(5 * time.Second)
		if got := w.nodes[3].count(); got != 110 {
			t.Errorf("the newcomer holds %d objects, want 110", got)
		}
	})
}

func TestADamagedPieceIsAskedForAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put(0, 300, 0, 1, 2)
		n := 0
		w.set(func() {
			w.damage = func(b []byte) []byte {
				w.mu.Lock()
				defer w.mu.Unlock()
				if n++; n%3 == 0 {
					b[len(b)/2] ^= 1
				}
				return b
			}
		})
		w.copying()
		time.Sleep(20 * time.Second)
		s := w.nodes[3].tr.Stats()
		if got := w.nodes[3].count(); got != 300 || s.BadChecksums == 0 || s.Copied != 8 {
			t.Errorf("%d objects, %+v; want 300, some checksums found bad, all copied", got, s)
		}
	})
}

func TestACopyGoesOnWhereTheLastStartSavedIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put(0, 2000, 0, 1, 2)
		w.copying()
		time.Sleep(10 * time.Second)
		n := w.nodes[3]
		n.tr.Close()
		n.fs = n.fs.CrashClone(vfs.CrashCloneCfg{})
		n.open()
		if err := n.store.Install(w.document()); err != nil {
			t.Fatal(err)
		}
		n.start()
		time.Sleep(10 * time.Second)
		if s := n.tr.Stats(); s.Resumed != 8 || s.Pieces != 0 || n.count() != 2000 {
			t.Errorf("%+v, %d objects; want 8 resumed without a piece", s, n.count())
		}
		if r := n.report(); r.Fetched < 2000*100 {
			t.Errorf("it forgot the bytes that it took: %+v", r)
		}
	})
}

func TestAFormerOwnerDropsOnlyWhatEachOwnerHolds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put(0, 500, 0, 1, 2)
		w.put(500, 50, 2)
		w.set(func() { w.refuse = true })
		w.dropping()
		time.Sleep(5 * time.Second)
		former := w.nodes[2]
		if got := former.count(); got < 50 || len(former.report().Dropped) == 8 {
			t.Fatalf("%d objects are left at the former owner that nobody else has", got)
		}
		w.set(func() { w.refuse = false })
		time.Sleep(5 * time.Second)
		r := former.report()
		if former.count() != 0 || len(r.Dropped) != 8 || r.Leftovers != 0 {
			t.Errorf("%d objects, report %+v; want nothing left", former.count(), r)
		}
		for _, i := range []int{0, 1, 3} {
			if got := w.nodes[i].count(); got != 550 {
				t.Errorf("owner %d holds %d objects, want 550", i, got)
			}
		}
	})
}

func TestAChangeGoesThroughAllPhasesByItself(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put(0, 500, 0, 1, 2)
		w.put(500, 20, 2)
		w.relayout(func(e *ring.Entry) { e.Next, e.Phase = w.ids(0, 1, 3), ring.PhaseWait })
		w.deciding.Lock()
		w.stuck = false
		w.deciding.Unlock()
		time.Sleep(time.Minute)
		if w.nodes[0].Document().Change != nil {
			t.Fatalf("the change is not over after a minute: %+v", w.document().Layout[0])
		}
		for _, phase := range []ring.Phase{ring.PhaseCopy, ring.PhaseSwitch, ring.PhaseDrop} {
			if w.seen[phase] == 0 {
				t.Errorf("no partition was seen in phase %q", phase)
			}
		}
		for i, want := range []int{520, 520, 0, 520} {
			if i < 2 {
				want = 500 // what only the old replica had is for read repair, or for its push, where they lack it
			}
			if got := w.nodes[i].count(); got < want || i == 2 && got != 0 {
				t.Errorf("node %d holds %d objects, want %d", i, got, want)
			}
		}
	})
}

func TestNoPhaseIsLeftWithoutItsProof(t *testing.T) {
	a, b, c, d := ring.NodeID(1), ring.NodeID(2), ring.NodeID(3), ring.NodeID(4)
	old, next := []ring.NodeID{a, b, c}, []ring.NodeID{a, b, d}
	at := func(version uint64) *Report { return &Report{Document: version} }
	copiedFrom := func(changed uint64, from ...ring.NodeID) *Report {
		return &Report{Document: 9, Copied: []CopyReport{{0, changed, from}}}
	}
	copying := ring.Entry{Serving: old, Next: next, Phase: ring.PhaseCopy, Changed: 5}
	switching := ring.Entry{Serving: next, Former: old, Phase: ring.PhaseSwitch, Changed: 5}
	back := ring.Entry{Serving: old, Next: next, Phase: ring.PhaseBack, Changed: 5}
	dropping := ring.Entry{Serving: next, Former: []ring.NodeID{c}, Phase: ring.PhaseDrop, Changed: 5}
	for name, tc := range map[string]struct {
		entry   ring.Entry
		reports map[ring.NodeID]*Report
		down    []ring.NodeID
		moves   bool

		expelled []ring.NodeID
	}{
		"copied from all":                         {entry: copying, reports: map[ring.NodeID]*Report{a: at(5), b: at(5), c: at(5), d: copiedFrom(5, a, b, c)}, moves: true},
		"copied from a majority, one is down":     {entry: copying, reports: map[ring.NodeID]*Report{a: at(5), b: at(5), d: copiedFrom(5, a, b)}, down: []ring.NodeID{c}, moves: true},
		"copied from a majority, the third is up": {entry: copying, reports: map[ring.NodeID]*Report{a: at(5), b: at(5), c: at(5), d: copiedFrom(5, a, b)}},
		"copied from a minority":                  {entry: copying, reports: map[ring.NodeID]*Report{a: at(5), d: copiedFrom(5, a)}, down: []ring.NodeID{b, c}},
		"copied for an older entry":               {entry: copying, reports: map[ring.NodeID]*Report{a: at(5), b: at(5), c: at(5), d: copiedFrom(4, a, b, c)}},
		"an old replica has not said the version": {entry: copying, reports: map[ring.NodeID]*Report{a: at(5), b: at(5), c: at(4), d: copiedFrom(5, a, b, c)}},
		"all hold the switch":                     {entry: switching, reports: map[ring.NodeID]*Report{a: at(5), b: at(6), c: at(5)}, moves: true},
		"one that is up lacks the switch":         {entry: switching, reports: map[ring.NodeID]*Report{a: at(5), b: at(6), c: at(4)}},
		"one that is up says nothing":             {entry: switching, reports: map[ring.NodeID]*Report{a: at(5), b: at(6)}},
		"a minority holds the switch":             {entry: switching, reports: map[ring.NodeID]*Report{a: at(5)}, down: []ring.NodeID{b, c}},
		"all hold the way back":                   {entry: back, reports: map[ring.NodeID]*Report{a: at(5), b: at(6), d: at(5)}, moves: true},
		"one that served lacks the way back":      {entry: back, reports: map[ring.NodeID]*Report{a: at(5), b: at(6), c: at(5), d: at(4)}},
		"copied from all but the expelled":        {entry: copying, reports: map[ring.NodeID]*Report{a: at(5), d: copiedFrom(5, a)}, down: []ring.NodeID{b, c}, expelled: []ring.NodeID{b, c}, moves: true},
		"a majority is left beside the expelled":  {entry: copying, reports: map[ring.NodeID]*Report{a: at(5), d: copiedFrom(5, a)}, down: []ring.NodeID{b, c}, expelled: []ring.NodeID{c}},
		"dropped":                                 {entry: dropping, reports: map[ring.NodeID]*Report{c: {Dropped: []DropReport{{0, 5}}}}, moves: true},
		"dropped by an older entry":               {entry: dropping, reports: map[ring.NodeID]*Report{c: {Dropped: []DropReport{{0, 4}}}}},
		"not dropped":                             {entry: dropping, reports: map[ring.NodeID]*Report{c: at(9)}},
	} {
		t.Run(name, func(t *testing.T) {
			v := view{
				doc:     &ring.Document{Layout: []ring.Entry{tc.entry}, Change: &ring.Change{}, Expelled: tc.expelled},
				up:      func(id ring.NodeID) bool { return !slices.Contains(tc.down, id) },
				reports: tc.reports,
			}
			if moves := v.moves(); (len(moves) == 1) != tc.moves {
				t.Errorf("moves %+v, want one: %v", moves, tc.moves)
			}
		})
	}
}

// R2: what a node says of what it holds or holds no more, it says after a sync.
func TestReportsAndAnswersAreGivenAfterASync(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.nodes[0]
		for name, say := range map[string]func() error{
			"report": func() error { _, err := n.tr.Report(t.Context()); return err },
			"lack":   func() error { _, err := n.tr.serveLack(t.Context(), []row{{key: testKey(1)}}); return err },
		} {
			before := n.store.Counters().BarrierSyncs
			if err := say(); err != nil || n.store.Counters().BarrierSyncs == before {
				t.Errorf("%s was given without a sync, %v", name, err)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	good, _ := encode(ask{Kind: kindLack}, []row{{key: testKey(1)}})
	f.Add(good)
	f.Fuzz(func(_ *testing.T, b []byte) {
		var head ask
		_, _ = decode(b, &head)
	})
}

// A node that holds a document by which its store does not go yet has not said so.
func TestAReportWaitsForTheStore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		unsettled := errors.New("not yet")
		w.set(func() { w.unsettled = unsettled })
		if r, err := w.nodes[0].tr.Report(t.Context()); !errors.Is(err, unsettled) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestWhatTheLosingSideOfAForceMadeIsNotDropped(t *testing.T) {
	for generation, want := range map[uint64]bool{3: true, 7: false} {
		d := &ring.Document{Version: 1 << 20, Forced: &ring.Forced{From: ring.Name{Version: 5}}}
		if got := dropped(d, "gone", &causal.Object{Generation: generation}); got != want {
			t.Errorf("an object of generation %d is dropped: %v, want %v", generation, got, want)
		}
	}
}
