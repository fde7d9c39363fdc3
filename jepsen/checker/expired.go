package checker

import "github.com/hengedb/henge/jepsen/history"

// Expired finds reads that show a value although its time was over before they began. A
// history in which nothing expires is fine.
func Expired(h history.History) Result {
	r := newResult("expired")
	began := make(map[int]*history.Op) // of a read: its invoke, by its end's index
	for _, p := range h.Pairs() {
		began[p.End.Index] = &p.Invoke
	}
	for _, k := range split(h) {
		for i := range k.reads {
			read := &k.reads[i]
			for _, value := range read.Values {
				w := k.writes[value]
				if w == nil || w.Invoke.Expires == 0 {
					continue
				}
				r.Stats["mortal values shown"]++
				if w.over(began[read.Index].T) {
					r.add(k.name, []int{w.Invoke.Index, began[read.Index].Index, read.Index},
						"the read shows %q, which had expired at %v", value, w.Invoke.Expires)
				}
			}
		}
	}
	return r
}
