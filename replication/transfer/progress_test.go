package transfer

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

func TestAMeterTellsWhatPassedLately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{clock: clock.System{}}
		if m.Rate() != 0 {
			t.Errorf("before anything passed: %d", m.Rate())
		}
		for range 20 {
			m.Add(1000)
			time.Sleep(500 * time.Millisecond)
		}
		if got := m.Rate(); got < 1800 || got > 2200 || m.Load() != 20_000 {
			t.Errorf("2,000 bytes a second for 10 s: %d a second, %d in all", got, m.Load())
		}
		time.Sleep(meterSeconds * time.Second)
		if m.Rate() != 0 {
			t.Errorf("after a pause: %d", m.Rate())
		}
	})
}

func TestAGlanceTellsHowFarANodeIs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		glance := func(i int) *Report {
			t.Helper()
			r, err := w.nodes[0].tr.GlanceOf(t.Context(), w.nodes[i].id)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		w.put(0, 200, 0, 1, 2)
		w.set(func() { w.away[w.nodes[2].id], w.away[w.nodes[1].id] = true, true })
		w.copying()
		time.Sleep(2 * time.Second)
		r := glance(3)
		if r.Begun != 8 || r.Taken != 0 || r.Fetched < 200*100 || r.RateIn == 0 || r.Document != 0 || r.Copied != nil {
			t.Errorf("the newcomer, while it copies: %+v", r)
		}
		if r := glance(0); r.Sent < 200*100 || r.Begun != 0 {
			t.Errorf("the source: %+v", r)
		}
		w.set(func() { clear(w.away) })
		w.dropping()
		time.Sleep(10 * time.Second)
		if r := glance(3); r.Begun != 0 || r.Taken != 8 || r.Expected != 0 || r.RateIn != 0 {
			t.Errorf("the newcomer, once it serves: %+v", r)
		}
		w.relayout(func(e *ring.Entry) { e.Former, e.Phase = nil, ring.PhaseSteady })
		w.set(func() {
			w.doc = w.doc.Clone()
			w.doc.Change = nil // who asks may not know that it is over
		})
		if r := glance(2); r.Handed != 8 || r.Leftovers != 0 {
			t.Errorf("the former owner: %+v", r)
		}
	})
}

// A node that is asked of a person is not waited for.
func TestAGlanceWaitsForNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.nodes[0]
		w.set(func() { w.unsettled = errors.New("not yet") })
		synctest.Wait() // what the driver asked for at the begin is answered
		before := n.store.Counters().BarrierSyncs
		if _, err := n.tr.Glance(t.Context()); err != nil || n.store.Counters().BarrierSyncs != before {
			t.Errorf("%v, %d syncs", err, n.store.Counters().BarrierSyncs-before)
		}
		w.set(func() { w.away[w.nodes[3].id] = true })
		got := n.tr.Glances(t.Context(), w.ids(0, 1, 3))
		if len(got) != 2 || got[w.nodes[1].id].Node != w.nodes[1].id {
			t.Errorf("asked three, of whom one is away: %+v", got)
		}
	})
}

func TestAReportTellsWhyAJobWasGivenUpJustNow(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		tr := w.nodes[0].tr
		tr.fault(job{partition: 1}, errors.New("no route"))
		if r := w.nodes[0].report(); r.Error != "no route" {
			t.Errorf("just now: %+v", r)
		}
		time.Sleep(errorFresh)
		if r := w.nodes[0].report(); r.Error != "" {
			t.Errorf("later: %+v", r)
		}
	})
}

func TestACopyLacksNothingOnceAReplicaWasGoneThrough(t *testing.T) {
	c := &copied{Changed: 3, Sources: map[ring.NodeID]*sources{1: {}}, Bytes: 60, size: 100}
	if c.lacks() != 40 {
		t.Errorf("lacks %d of 100", c.lacks())
	}
	if c.Sources[1].Done = true; c.lacks() != 0 {
		t.Errorf("lacks %d once a replica was gone through", c.lacks())
	}
}

func TestAReportThatCountsBelowNothingIsRefused(t *testing.T) {
	good := Report{Hints: 1, Progress: Progress{Fetched: 5}, Space: Space{Known: true, Free: 7}}
	if !good.sound() {
		t.Errorf("refused: %+v", good)
	}
	for name, bad := range map[string]Report{
		"hints": {Hints: -1}, "leftovers": {Leftovers: -1}, "partitions": {Progress: Progress{Taken: -1}},
		"bytes": {Progress: Progress{Expected: -1}}, "rate": {Progress: Progress{RateOut: -1}}, "space": {Space: Space{Free: -1}},
	} {
		if bad.sound() {
			t.Errorf("%s below nothing are taken", name)
		}
	}
}

func FuzzDecodeReport(f *testing.F) {
	full := &Report{
		Node: 1, Document: 2, Copied: []CopyReport{{1, 2, []ring.NodeID{3}}}, Dropped: []DropReport{{1, 2}}, Waiting: []ring.Partition{4},
		Hints: 1, Leftovers: 2, Working: 3, Progress: Progress{1, 2, 3, 4, 5, 6, 7, 8}, Space: Space{true, 9, 3, true},
		Error: "e", Undecided: "u",
	}
	b, err := encode(answer{Report: full}, nil)
	if err != nil {
		f.Fatal(err)
	}
	var back answer
	if _, err := decode(b, &back); err != nil || !cmp.Equal(full, back.Report) {
		f.Fatalf("%+v, %v", back.Report, err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var got answer
		rows, err := decode(b, &got)
		if err != nil {
			return
		}
		again, err := encode(got, rows)
		if err != nil {
			t.Fatal(err)
		}
		var twice answer
		if _, err := decode(again, &twice); err != nil || !cmp.Equal(got.Report, twice.Report) {
			t.Errorf("%+v became %+v, %v", got.Report, twice.Report, err)
		}
	})
}
