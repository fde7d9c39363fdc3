package checker

import "github.com/hengedb/henge/jepsen/history"

// Lost finds acknowledged writes that are neither visible at the end nor replaced
// by a write that saw them. Keys without a final read make it Unknown, as does a
// history in which no write was acknowledged.
func Lost(h history.History) Result {
	r := newResult("lost")
	for _, k := range split(h) {
		if len(k.order) == 0 {
			continue
		}
		if k.final == nil {
			r.unknown("key %s/%s has no final read", k.name.bucket, k.name.key)
			continue
		}
		covered := k.covered()
		for _, w := range k.order {
			if !w.acked() {
				continue
			}
			r.Stats["acknowledged"]++
			if !covered[w] {
				r.add(k.name, []int{w.Invoke.Index, w.End.Index, k.final.Index},
					"%s %q was acknowledged, is not there at the end, and no write that saw it explains that", w.Invoke.F, w.value)
			}
		}
	}
	if r.Stats["acknowledged"] == 0 {
		r.unknown("no write was acknowledged")
	}
	return r
}

// Resurrected finds values that are visible at the end although an acknowledged
// write or delete had replaced them.
func Resurrected(h history.History) Result {
	r := newResult("resurrected")
	for _, k := range split(h) {
		if k.final == nil {
			if len(k.order) > 0 {
				r.unknown("key %s/%s has no final read", k.name.bucket, k.name.key)
			}
			continue
		}
		for i, value := range k.final.Values {
			r.Stats["visible"]++
			u := k.writes[value]
			if u == nil {
				continue // Phantom's finding
			}
			for _, w := range k.order {
				shown := dotOf(k.final, i)
				switch {
				case !w.acked() || (!replaces(w, u) && !claimsShown(w, u, shown)):
				case replaces(w, u) && k.twin(w, u, shown):
					r.Stats["twins"]++
				default:
					r.add(k.name, []int{u.Invoke.Index, w.Invoke.Index, w.End.Index, k.final.Index},
						"%q is there at the end, although the acknowledged %s %q had replaced it", value, w.Invoke.F, w.value)
				}
			}
		}
	}
	if r.Stats["visible"] == 0 {
		r.unknown("nothing is visible at the end")
	}
	return r
}

// Phantom finds values that a read shows and nobody had begun to write to that key
// before the read ended, values of writes that were told to have failed, and values
// shown twice by one read.
func Phantom(h history.History) Result {
	r := newResult("phantom")
	for _, k := range split(h) {
		for _, read := range k.reads {
			r.Stats["reads"]++
			seen := make(map[string]bool)
			for _, value := range read.Values {
				w := k.writes[value]
				switch {
				case w == nil || w.isDelete() || w.Invoke.Index > read.Index:
					r.add(k.name, []int{read.Index}, "the read shows %q, which nobody had written", value)
				case w.End.Type == history.Fail:
					r.add(k.name, []int{w.Invoke.Index, w.End.Index, read.Index}, "the read shows %q, whose write was told not to have happened", value)
				case seen[value]:
					r.add(k.name, []int{read.Index}, "the read shows %q twice", value)
				}
				seen[value] = true
			}
		}
	}
	return r
}

// OneValueADot finds dots that name two values. A dot that is issued twice makes
// contexts cover what nobody saw: it is the root of most losses.
func OneValueADot(h history.History) Result {
	r := newResult("one value a dot")
	for _, k := range split(h) {
		owner := make(map[dot]*write)
		for _, w := range k.order {
			for _, d := range w.dots {
				r.Stats["dots"]++
				if other := owner[d]; other != nil {
					r.add(k.name, []int{other.Invoke.Index, w.Invoke.Index}, "dot %x-%x names %q and %q", d.actor, d.counter, other.value, w.value)
				}
				owner[d] = w
			}
		}
	}
	return r
}
