package causal

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The model keeps full histories as sets: a write is an element with the set of
// those that it saw, and what survives at a node are the known ones that no other
// known one saw. Objects must agree with it whatever the schedule.

// event is one write of the model.
type event struct {
	id    int
	write Write
	saw   set // all that it replaces, whether it was held or not
}

type set map[int]bool

// place is a node's copy of the key, or a fallback's hint, beside what the model
// says that it knows.
type place struct {
	actor   Actor // of this holding
	counter uint64
	object  *Object
	known   set
	ops     set // the writes whose operations came here
}

// reading is what a client saw at some time, and may write over later.
type reading struct {
	context Context
	known   set
}

type history struct {
	policy   Policy
	events   []event
	places   []place
	older    []place // states to fall back to, as a restored disk does
	readings []reading
	actors   Actor
	doubled  int // reads that left out a sibling
}

const (
	testReplicas  = 3
	testFallbacks = 2
)

func TestObjectsAgreeWithFullHistories(t *testing.T) {
	doubled := 0
	policies(t, func(t *rapid.T, policy Policy) {
		h := &history{policy: policy}
		for range testReplicas + testFallbacks {
			h.places = append(h.places, h.holding())
		}
		t.Repeat(map[string]func(*rapid.T){
			"":        h.check,
			"put":     h.put,
			"retry":   h.retry,
			"ship":    h.ship,
			"read":    h.read,
			"lose":    h.lose,
			"restore": h.restore,
		})
		h.converge(t)
		doubled += h.doubled
	})
	if doubled == 0 {
		t.Error("no schedule minted an operation twice, so that a read had to choose")
	}
}

// holding is a new possession of nothing: its actor is new too.
func (h *history) holding() place {
	h.actors++
	return place{actor: h.actors * 0x9e3779b97f4a7c15, known: set{}, ops: set{}}
}

func (h *history) anyPlace(t *rapid.T) *place {
	return &h.places[rapid.IntRange(0, len(h.places)-1).Draw(t, "place")]
}

// put is a client's write, over a reading old or new or over what the place holds.
func (h *history) put(t *rapid.T) {
	var seen *reading
	if n := len(h.readings); n > 0 && rapid.Bool().Draw(t, "with a context") {
		seen = &h.readings[rapid.IntRange(0, n-1).Draw(t, "reading")]
	}
	op := OpID{1, byte(len(h.events)), byte(len(h.events) >> 8)}
	h.mint(t, h.anyPlace(t), op, seen, anySibling(t, Dot{}))
}

// retry asks another place for an operation that was minted before, with the same
// context. A place that remembers it mints nothing.
func (h *history) retry(t *rapid.T) {
	if len(h.events) == 0 {
		t.Skip("nothing to retry")
	}
	before := h.events[rapid.IntRange(max(0, len(h.events)-4), len(h.events)-1).Draw(t, "operation")].write
	at := h.anyPlace(t)
	if _, known := at.object.Find(before.Op); known {
		return
	}
	var seen *reading
	if before.Seen != nil {
		i := slices.IndexFunc(h.readings, func(r reading) bool { return r.context.Equal(before.Seen.Context) })
		seen = &h.readings[i]
	}
	h.mint(t, at, before.Op, seen, Sibling{
		Value: before.Value, ContentType: before.ContentType, Meta: before.Meta, Tombstone: before.Tombstone, Expiry: before.Expiry,
	})
}

// mint writes at a place, whose clock may be wrong, as a coordinator does: by its
// own actor, over its whole object, with a stamp above all that it follows.
func (h *history) mint(t *rapid.T, at *place, op OpID, seen *reading, s Sibling) {
	at.counter++
	floor := max(at.object.MaxStamp(), Stamp(rapid.Uint64Range(0, 1000).Draw(t, "clock")))
	w := Write{
		Dot: Dot{at.actor, at.counter}, Op: op, Policy: h.policy, Generation: 1,
		Value: s.Value, ContentType: s.ContentType, Meta: s.Meta, Tombstone: s.Tombstone, Expiry: s.Expiry,
	}
	saw := at.known
	if seen != nil {
		w.Seen, saw = &Seen{Context: seen.context}, seen.known
		floor = max(floor, seen.context.Stamp())
	}
	w.Stamp = floor.Next()
	if rapid.IntRange(0, 9).Draw(t, "fails") == 0 {
		return // the dot is never used: the write came to nothing
	}
	e := event{id: len(h.events), write: w, saw: maps.Clone(saw)}
	h.events = append(h.events, e)
	at.object = at.object.Put(w)
	at.known = union(at.known, saw, set{e.id: true})
	at.ops = union(at.ops, set{e.id: true})
}

// ship sends a whole object.
func (h *history) ship(t *rapid.T) {
	from, to := h.anyPlace(t), h.anyPlace(t)
	to.object = Join(to.object, from.object)
	to.known, to.ops = union(to.known, from.known), union(to.ops, from.ops)
}

// read joins what two places hold, which may be one.
func (h *history) read(t *rapid.T) {
	a, b := h.anyPlace(t), h.anyPlace(t)
	joined := Join(a.object, b.object)
	if joined == nil {
		return
	}
	h.readings = append(h.readings, reading{joined.Context, union(a.known, b.known)})
	h.older = append(h.older, *a)
}

// lose ends a holding: a hint was delivered or dropped, a disk was lost.
func (h *history) lose(t *rapid.T) { *h.anyPlace(t) = h.holding() }

// restore falls back to what some place held before, under a new actor.
func (h *history) restore(t *rapid.T) {
	if len(h.older) == 0 {
		t.Skip("nothing to restore")
	}
	old := h.older[rapid.IntRange(0, len(h.older)-1).Draw(t, "state")]
	now := h.holding()
	now.object, now.known, now.ops = old.object, old.known, old.ops
	*h.anyPlace(t) = now
}

// check compares every place with the model.
func (h *history) check(t *rapid.T) {
	for i := range h.places {
		h.compare(t, fmt.Sprintf("place %d", i), &h.places[i])
	}
}

func (h *history) compare(t *rapid.T, where string, p *place) {
	if p.object == nil {
		if len(p.known) > 0 {
			t.Fatalf("%s holds nothing, and knows %v", where, p.known)
		}
		return
	}
	if err := p.object.Invariant(); err != nil {
		t.Fatalf("%s: %s: %v", where, show(p.object), err)
	}
	if back := clone(p.object); !equal(back, p.object) {
		t.Fatalf("%s: %s is read back as %s", where, show(p.object), show(back))
	}
	var highest Stamp
	for _, e := range h.events {
		if covered := p.object.Context.Covers(e.write.Dot); covered != p.known[e.id] {
			t.Fatalf("%s: context of %s covers write %d: %v, and knows it: %v", where, show(p.object), e.id, covered, p.known[e.id])
		}
		if p.known[e.id] {
			highest = max(highest, e.write.Stamp)
		}
	}
	if got := p.object.MaxStamp(); got != highest {
		t.Fatalf("%s: the highest stamp is %d, want %d", where, got, highest)
	}
	h.compareSiblings(t, where, p)
	h.compareOps(t, where, p)
	h.doubled += checkShown(t, where, p.object)
}

// compareSiblings holds the object's siblings against what survives in the model.
func (h *history) compareSiblings(t *rapid.T, where string, p *place) {
	want := h.surviving(p.known)
	if len(want) != len(p.object.Siblings) {
		t.Fatalf("%s: %s, want the writes %v", where, show(p.object), want)
	}
	for i, e := range want {
		s := p.object.Siblings[i]
		w := e.write
		if s.Dot != w.Dot || s.Op != w.Op || s.Stamp != w.Stamp || string(s.Value) != string(w.Value) || s.Tombstone != w.Tombstone || s.Expiry != w.Expiry {
			t.Fatalf("%s: sibling %+v, want write %+v", where, s, w)
		}
	}
}

// surviving are the known writes that no known one replaced, by dot; of an lww key
// the one that outranks the others.
func (h *history) surviving(known set) []event {
	var out []event
	for _, e := range h.events {
		replaced := slices.ContainsFunc(h.events, func(by event) bool { return known[by.id] && by.saw[e.id] })
		if known[e.id] && (h.policy == LWW || !replaced) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b event) int { return a.write.Dot.Compare(b.write.Dot) })
	if h.policy == LWW && len(out) > 0 {
		return []event{slices.MaxFunc(out, byRank)}
	}
	return out
}

func byRank(a, b event) int {
	return cmp.Or(cmp.Compare(a.write.Stamp, b.write.Stamp), a.write.Dot.Compare(b.write.Dot))
}

// compareOps holds the remembered operations against the highest of all that came.
func (h *history) compareOps(t *rapid.T, where string, p *place) {
	var want []event
	for _, e := range h.events {
		if p.ops[e.id] {
			want = append(want, e)
		}
	}
	slices.SortFunc(want, func(a, b event) int { return byRank(b, a) })
	want = want[:min(len(want), maxOps)]
	if len(want) != len(p.object.Ops) {
		t.Fatalf("%s remembers %d operations of %s, want %d", where, len(p.object.Ops), show(p.object), len(want))
	}
	for i, e := range want {
		if got := p.object.Ops[i]; got != (Operation{e.write.Stamp, e.write.Dot, e.write.Op}) {
			t.Fatalf("%s remembers %+v as operation %d, want write %+v", where, got, i, e.write)
		}
		if _, ok := p.object.Find(e.write.Op); !ok {
			t.Fatalf("%s does not find operation %x", where, e.write.Op)
		}
	}
}

// converge ships everything to everybody, in two orders, and wants one digest.
func (h *history) converge(t *rapid.T) {
	all := place{known: set{}, ops: set{}}
	order := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "order")
	var left, right *Object
	for i, n := range order {
		left = Join(left, h.places[n].object)
		right = Join(h.places[order[len(order)-1-i]].object, right)
		all.known, all.ops = union(all.known, h.places[n].known), union(all.ops, h.places[n].ops)
	}
	all.object = left
	h.compare(t, "everywhere", &all)
	if l, r := left.Digest(secret, "b", "k"), right.Digest(secret, "b", "k"); l != r || !equal(left, right) {
		t.Fatalf("two orders give %s\nand %s", show(left), show(right))
	}
}

func union(sets ...set) set {
	out := set{}
	for _, s := range sets {
		maps.Copy(out, s)
	}
	return out
}
