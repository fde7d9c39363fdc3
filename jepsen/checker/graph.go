package checker

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hengedb/henge/jepsen/history"
)

// keyName is one key of one bucket.
type keyName struct{ bucket, key string }

func keyOf(o *history.Op) keyName { return keyName{o.Bucket, o.Key} }

// write is one put or delete.
type write struct {
	history.Pair
	value string
	dots  []dot // every dot under which the value was seen
}

func (w *write) acked() bool    { return w.End.Type == history.OK }
func (w *write) happened() bool { return w.End.Type != history.Fail } // or may have
// over reports whether the write's value is hidden at t.
func (w *write) over(t time.Duration) bool { return w.Invoke.Expires > 0 && w.Invoke.Expires <= t }
func (w *write) isDelete() bool            { return w.Invoke.F == history.Delete }

// latest is the last moment at which the write can have been minted: a completion,
// or the deadline that it carries.
func (w *write) latest() time.Duration {
	switch {
	case w.End.Type == history.OK:
		return w.End.T
	case w.Invoke.Limit == 0:
		return 1<<63 - 1
	}
	return w.Invoke.T + w.Invoke.Limit
}

// keyHistory is everything about one key.
type keyHistory struct {
	name   keyName
	writes map[string]*write
	order  []*write // as invoked
	reads  []history.Op
	shown  []history.Op        // reads and receipts: all that showed values
	final  *history.Op         // the last read in the session history.Final
	told   map[uint64][]uint64 // by actor: the counters of all dots that clients were told of, sorted
}

// split sorts a history by key, and brings values and dots together.
func split(h history.History) []*keyHistory {
	keys := make(map[keyName]*keyHistory)
	at := func(k keyName) *keyHistory {
		if keys[k] == nil {
			keys[k] = &keyHistory{name: k, writes: make(map[string]*write)}
		}
		return keys[k]
	}
	for _, p := range h.Pairs() {
		k := at(keyOf(&p.Invoke))
		if p.Invoke.Writes() {
			w := &write{Pair: p, value: p.Invoke.Value}
			k.writes[w.value] = w
			k.order = append(k.order, w)
			if p.End.Type == history.OK && len(p.End.Values) > 0 {
				k.shown = append(k.shown, p.End)
			}
		} else if p.End.Type == history.OK {
			k.reads = append(k.reads, p.End)
			k.shown = append(k.shown, p.End)
		}
	}
	names := slices.SortedFunc(maps.Keys(keys), func(a, b keyName) int {
		return strings.Compare(a.bucket+"\x00"+a.key, b.bucket+"\x00"+b.key)
	})
	list := make([]*keyHistory, 0, len(names))
	for _, name := range names {
		keys[name].learn()
		list = append(list, keys[name])
	}
	return list
}

// learn collects the dots of values and finds the final read.
func (k *keyHistory) learn() {
	for _, w := range k.order {
		k.seenAs(w.value, w.End.Dot)
	}
	for i := range k.reads {
		read := &k.reads[i]
		for n, d := range read.Dots {
			k.seenAs(read.Values[n], d)
		}
		if read.Session == history.Final && (k.final == nil || read.T >= k.final.T) {
			k.final = read
		}
	}
	k.told = make(map[uint64][]uint64)
	for _, w := range k.order {
		for _, d := range w.dots {
			k.told[d.actor] = append(k.told[d.actor], d.counter)
		}
	}
	for _, counters := range k.told {
		slices.Sort(counters)
	}
}

func (k *keyHistory) seenAs(value, text string) {
	w := k.writes[value]
	d, ok := parseDot(text)
	if w != nil && ok && !slices.Contains(w.dots, d) {
		w.dots = append(w.dots, d)
	}
}

// replaces reports whether w replaced v by what w's own client knew.
func replaces(w, v *write) bool { return slices.Contains(w.Invoke.Saw, v.value) }

// twin reports whether text names v by a dot that the client of w was never shown:
// an operation that was handed on may be minted twice, and w replaced the other one.
// A history without dots knows no twins.
func (k *keyHistory) twin(w, v *write, text string) bool {
	d, ok := parseDot(text)
	if !ok {
		return false
	}
	met := false // the client was shown v, under some dot
	for i := range k.shown {
		op := &k.shown[i]
		at := slices.Index(op.Values, v.value)
		if at < 0 || op.Process != w.Invoke.Process || op.Index > w.Invoke.Index {
			continue
		}
		if at >= len(op.Dots) {
			return false
		}
		saw, ok := parseDot(op.Dots[at])
		if !ok || saw == d {
			return false
		}
		met = true
	}
	return met
}

// dotOf is the text of the dot under which a read showed its i-th value.
func dotOf(read *history.Op, i int) string {
	if i < len(read.Dots) {
		return read.Dots[i]
	}
	return ""
}

// claims reports whether the receipt of a blind write covers v.
func claims(w, v *write) bool {
	return w != v && w.Invoke.Blind && covers(w.End.Covers, v.dots)
}

// claimsShown reports whether the receipt of a blind write covers v under the dot by
// which a read shows it.
func claimsShown(w, v *write, text string) bool {
	if d, ok := parseDot(text); ok {
		return w != v && w.Invoke.Blind && covers(w.End.Covers, []dot{d})
	}
	return claims(w, v)
}

// mayReplace reports whether w explains that v is gone: the rules of the package
// comment. stranger says that w's receipt covers a dot that nobody was told of.
func mayReplace(w, v *write, stranger bool) bool {
	switch {
	case w == v || !w.happened():
		return false
	case replaces(w, v):
		return true
	case !w.Invoke.Blind:
		return false
	case w.acked() && len(w.End.Covers) > 0 && len(v.dots) > 0 && !stranger:
		return claims(w, v)
	}
	return v.Invoke.T < w.latest()
}

// coversStranger reports whether the receipt of w covers a dot that nobody was told
// of.
func (k *keyHistory) coversStranger(w *write) bool {
	return slices.ContainsFunc(w.End.Covers, func(text string) bool {
		entry, ok := parseDot(text)
		if !ok {
			return false
		}
		told, _ := slices.BinarySearch(k.told[entry.actor], entry.counter+1)
		return entry.counter > uint64(told) //nolint:gosec // a length
	})
}

// covered walks back from what is visible at the end, from what has expired by then, and
// from deletes: the writes
// that are there or were replaced by one that is covered.
func (k *keyHistory) covered() map[*write]bool {
	covered := make(map[*write]bool)
	var reached []*write
	reach := func(w *write) {
		if !covered[w] {
			covered[w] = true
			reached = append(reached, w)
		}
	}
	for _, value := range k.final.Values {
		if w := k.writes[value]; w != nil {
			reach(w)
		}
	}
	for _, w := range k.order {
		if (w.isDelete() || w.over(k.final.T)) && w.happened() {
			reach(w)
		}
	}
	for len(reached) > 0 {
		w := reached[0]
		reached = reached[1:]
		stranger := k.coversStranger(w)
		for _, v := range k.order {
			if !covered[v] && mayReplace(w, v, stranger) {
				reach(v)
			}
		}
	}
	return covered
}
