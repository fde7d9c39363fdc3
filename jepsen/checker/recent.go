package checker

import (
	"time"

	"github.com/hengedb/henge/jepsen/history"
)

// clockLead is how much earlier than at its time a node may hide a value: its hybrid clock
// is ahead of the wall by at most that where it has just started, or was told a later time.
const clockLead = 15 * time.Second

// Recent finds strict reads that miss a strict write which was acknowledged before they
// began, and which no write explains that had seen it and that the read shows, or that
// is explained itself. Keys with blind writes are not judged: what those saw is not
// known. A history without strict reads is fine.
func Recent(h history.History) Result {
	r := newResult("recent")
	began := make(map[int]int) // of an operation: its invoke's index, by its end's
	for _, p := range h.Pairs() {
		began[p.End.Index] = p.Invoke.Index
	}
	for _, k := range split(h) {
		k.recent(&r, began)
	}
	return r
}

func (k *keyHistory) recent(r *Result, began map[int]int) {
	replacers := make(map[*write][]*write)
	for _, v := range k.order {
		if v.Invoke.Blind {
			return
		}
		for _, value := range v.Invoke.Saw {
			if w := k.writes[value]; w != nil && v.happened() {
				replacers[w] = append(replacers[w], v)
			}
		}
	}
	for i := range k.reads {
		read := &k.reads[i]
		if !read.Strict {
			continue
		}
		r.Stats["strict reads"]++
		e := explanation{read: read, replacers: replacers, known: make(map[*write]bool)}
		for _, value := range read.Values {
			e.known[k.writes[value]] = true
		}
		for _, w := range k.order {
			if w.acked() && w.Invoke.Strict && w.End.Index < began[read.Index] && !w.isDelete() && !w.over(read.T+clockLead) && !e.explains(w) {
				r.add(k.name, []int{w.Invoke.Index, w.End.Index, began[read.Index], read.Index},
					"the strict read misses %q, which was acknowledged before it began, and shows nothing that replaced it", w.value)
			}
		}
	}
}

// explanation is why a read does not show a write.
type explanation struct {
	read      *history.Op
	replacers map[*write][]*write
	known     map[*write]bool // what was found so far; what the read shows
}

// explains reports whether the read shows w, or something that came after it.
func (e *explanation) explains(w *write) bool {
	if w.over(e.read.T + clockLead) {
		return true
	}
	if known, found := e.known[w]; found {
		return known
	}
	for _, v := range e.replacers[w] { // a write sees only what was there before it: this ends
		if v.Invoke.Index < e.read.Index && (v.isDelete() || e.explains(v)) {
			e.known[w] = true
			return true
		}
	}
	e.known[w] = false
	return false
}
