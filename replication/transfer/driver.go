package transfer

import (
	"slices"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// How the driver goes about it.
const (
	copiesPerNode = 16 // partitions that one newcomer copies at once
	proposeWithin = 10 * time.Second
)

// drive moves the change in flight on, where this node is the live member of lowest
// id. That two of them do is harmless: a move is void once its entry has changed.
func (t *Transfer) drive() {
	silent := map[ring.NodeID]time.Time{}
	for t.life.Err() == nil {
		doc := t.o.Cluster.Document()
		if doc == nil || doc.Change == nil || doc.Change.Paused {
			clear(silent)
			t.awaitMoves(false)
			continue
		}
		if t.drives(doc) {
			t.step(doc, silent)
		} else {
			clear(silent)
		}
		t.awaitMoves(true)
	}
}

// awaitMoves returns when the document is another and, if short, after a while.
func (t *Transfer) awaitMoves(short bool) {
	tick, stop := t.tick(short)
	defer stop()
	select {
	case <-t.kickDriver:
	case <-tick:
	case <-t.life.Done():
	}
}

// drives reports whether this node is the one to drive.
func (t *Transfer) drives(doc *ring.Document) bool {
	for _, m := range doc.Members { // sorted by id
		if m.Going != ring.Expelled && t.o.Cluster.Up(m.ID) {
			return m.ID == t.self
		}
	}
	return false
}

// step asks everybody once and proposes what is ready.
func (t *Transfer) step(doc *ring.Document, silent map[ring.NodeID]time.Time) {
	v := view{doc: doc, up: t.o.Cluster.Up, reports: t.reports(doc)}
	if gone, ok := t.silentNewcomer(v, silent); ok {
		t.propose(func(d *ring.Document) (*ring.Document, error) { return d.Spared(gone) })
		return
	}
	if gone, ok := v.expelledOwner(); ok {
		t.propose(func(d *ring.Document) (*ring.Document, error) { return d.Amended(gone, nil) })
		return
	}
	moves := v.moves()
	switch {
	case len(moves) > 0:
		t.propose(func(d *ring.Document) (*ring.Document, error) { return d.Advance(moves) })
	case v.complete():
		t.propose(func(d *ring.Document) (*ring.Document, error) {
			if d.Version != doc.Version {
				return nil, nil // the proof was for another one
			}
			return d.Completed(v.silent()...)
		})
	}
}

// propose has an edit decided. One that is not is tried again, from the start.
func (t *Transfer) propose(edit func(*ring.Document) (*ring.Document, error)) {
	ctx, cancel := clock.WithTimeout(t.life, t.o.Clock, proposeWithin)
	defer cancel()
	err := t.o.Cluster.Propose(ctx, edit)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.undecided = ""
	if err != nil && t.life.Err() == nil {
		t.undecided = err.Error()
		t.complaints.warn("layout change waits", err)
	}
}

// reports asks all members that are not expelled and that are up.
func (t *Transfer) reports(doc *ring.Document) map[ring.NodeID]*Report {
	var ids []ring.NodeID
	for _, m := range doc.Members {
		if m.Going != ring.Expelled {
			ids = append(ids, m.ID)
		}
	}
	return t.gather(t.life, ids, t.ReportOf)
}

// silentNewcomer finds a newcomer that a copy waits for and that has not reported for too
// long.
func (t *Transfer) silentNewcomer(v view, silent map[ring.NodeID]time.Time) (ring.NodeID, bool) {
	limit, now := v.doc.Settings.Silence(), t.o.Clock.Now()
	for _, m := range v.doc.Members {
		if v.reports[m.ID] != nil || m.Going != "" || !v.newcomer(m.ID) {
			delete(silent, m.ID)
			continue
		}
		since, known := silent[m.ID]
		if !known {
			silent[m.ID] = now
		} else if now.Sub(since) >= limit {
			delete(silent, m.ID)
			return m.ID, true
		}
	}
	return 0, false
}

// view is what a driver knows: the document, who is up, and what each said.
type view struct {
	doc     *ring.Document
	up      func(ring.NodeID) bool
	reports map[ring.NodeID]*Report
}

// silent are the members that did not report.
func (v view) silent() (ids []ring.NodeID) {
	for _, m := range v.doc.Members {
		if v.reports[m.ID] == nil {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// newcomer reports whether a copy waits for a node that came with the change and serves
// nothing yet.
func (v view) newcomer(id ring.NodeID) bool {
	next := false
	for _, e := range v.doc.Layout {
		if slices.Contains(e.Serving, id) {
			return false
		}
		next = next || slices.Contains(e.Next, id)
	}
	return next && !slices.Contains(v.doc.Voters, id)
}

// expelledOwner finds a member that was amended away while reads of a partition were on
// their way to it: they have arrived.
func (v view) expelledOwner() (ring.NodeID, bool) {
	for _, m := range v.doc.Members {
		if m.Going != ring.Expelled {
			continue
		}
		if next, err := v.doc.Amended(m.ID, nil); next != nil && err == nil {
			return m.ID, true
		}
	}
	return 0, false
}

// moves lists the partitions that have what their next phase asks for (R4).
func (v view) moves() []ring.Move {
	copying := map[ring.NodeID]int{}
	for _, e := range v.doc.Layout {
		if e.Phase == ring.PhaseCopy {
			for _, id := range Copiers(e) {
				copying[id]++
			}
		}
	}
	var moves []ring.Move
	for i, e := range v.doc.Layout {
		p := ring.Partition(i) //nolint:gosec // there are few
		m := ring.Move{Partition: p, From: e.Phase, Changed: e.Changed}
		ready := false
		switch e.Phase {
		case ring.PhaseWait:
			ready = v.answer(Copiers(e)) && begin(Copiers(e), copying)
		case ring.PhaseCopy:
			ready = v.copied(p, e)
		case ring.PhaseSwitch:
			ready = v.holds(e.Former, e.Changed)
		case ring.PhaseBack: // those who served meanwhile know that they do so no more
			ready = v.holds(e.Next, e.Changed)
		case ring.PhaseDrop:
			m.Dropped = v.dropped(p, e)
			ready = len(m.Dropped) > 0
		}
		if ready {
			moves = append(moves, m)
		}
	}
	return moves
}

// answer reports whether all of these nodes reported: nothing is begun that waits for
// one that is away.
func (v view) answer(ids []ring.NodeID) bool {
	return !slices.ContainsFunc(ids, func(id ring.NodeID) bool { return v.reports[id] == nil })
}

// begin reports whether every copier has room for one partition more, and takes it.
func begin(copiers []ring.NodeID, copying map[ring.NodeID]int) bool {
	if slices.ContainsFunc(copiers, func(id ring.NodeID) bool { return copying[id] >= copiesPerNode }) {
		return false
	}
	for _, id := range copiers {
		copying[id]++
	}
	return true
}

// copied reports whether every newcomer was compared with each old replica that is up,
// and a majority of them.
func (v view) copied(p ring.Partition, e ring.Entry) bool {
	if !v.holds(e.Serving, e.Changed) {
		return false
	}
	for _, id := range Copiers(e) {
		r := v.reports[id]
		if r == nil {
			return false
		}
		i := slices.IndexFunc(r.Copied, func(c CopyReport) bool { return c.Partition == p && c.Changed == e.Changed })
		if i < 0 || !Compared(v.doc, e, id, r.Copied[i].Sources, v.up) {
			return false
		}
	}
	return true
}

// holds reports whether every node of a set that is up, and a majority of it, has said
// that it holds a version.
func (v view) holds(set []ring.NodeID, version uint64) bool {
	n := 0
	for _, id := range set {
		switch r := v.reports[id]; {
		case r != nil && r.Document >= version:
			n++
		case v.up(id) && !v.doc.IsExpelled(id):
			return false
		}
	}
	return n >= v.doc.MajorityOf(set)
}

// dropped lists the former owners that have nothing of a partition left.
func (v view) dropped(p ring.Partition, e ring.Entry) []ring.NodeID {
	var ids []ring.NodeID
	for _, id := range e.Former {
		if r := v.reports[id]; r != nil && slices.Contains(r.Dropped, DropReport{p, e.Changed}) {
			ids = append(ids, id)
		}
	}
	return ids
}

// complete reports whether nothing is left to do but to say so.
func (v view) complete() bool {
	for _, e := range v.doc.Layout {
		if e.Phase != ring.PhaseSteady {
			return false
		}
	}
	for _, m := range v.doc.Members {
		if m.Going != ring.Leaves {
			continue
		}
		r := v.reports[m.ID]
		if r == nil || r.Document < v.doc.Version || r.Hints > 0 || r.Leftovers > 0 || r.Working > 0 {
			return false
		}
	}
	return true
}

// Undecided is why the last proposal of this node was not decided; empty when it was.
func (t *Transfer) Undecided() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.undecided
}
