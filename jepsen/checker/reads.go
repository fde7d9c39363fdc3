package checker

import "github.com/hengedb/henge/jepsen/history"

// Antichain finds reads that show two values of which one had replaced the other:
// siblings are concurrent, always, on every read. Only what the writes' clients
// knew counts, so no read needs to be final, and the cluster's word is not needed.
func Antichain(h history.History) Result {
	r := newResult("antichain")
	for _, k := range split(h) {
		for _, read := range k.reads {
			r.Stats["reads"]++
			if len(read.Values) > 1 {
				r.Stats["siblings"]++
			}
			for _, upper := range read.Values {
				w := k.writes[upper]
				if w == nil {
					continue
				}
				for i, lower := range read.Values {
					v := k.writes[lower]
					switch {
					case v == nil || v == w || !replaces(w, v):
					case k.twin(w, v, dotOf(&read, i)):
						r.Stats["twins"]++
					default:
						r.add(k.name, []int{v.Invoke.Index, w.Invoke.Index, read.Index},
							"one read shows %q and %q, whose writer had seen %q", upper, lower, lower)
					}
				}
			}
		}
	}
	if r.Stats["reads"] == 0 {
		r.unknown("no read succeeded")
	}
	return r
}

// Progress is Unknown when a kind of operation was tried and none of it succeeded:
// such a run proves nothing.
func Progress(h history.History) Result {
	r := newResult("progress")
	tried := make(map[history.F]int)
	done := make(map[history.F]int)
	for _, p := range h.Pairs() {
		tried[p.Invoke.F]++
		if p.End.Type == history.OK {
			done[p.Invoke.F]++
		}
		r.Stats[string(p.Invoke.F)+" "+string(p.End.Type)]++
	}
	for _, f := range []history.F{history.Put, history.Get, history.Delete} {
		if tried[f] > 0 && done[f] == 0 {
			r.unknown("none of %d operations %q succeeded", tried[f], f)
		}
	}
	if len(tried) == 0 {
		r.unknown("the history is empty")
	}
	return r
}

// refusals are the codes of answers that are the client's doing: a cluster that
// gives them is available.
var refusals = map[string]bool{"precondition_failed": true, "sibling_limit": true}

// Available finds operations that failed although, when they began and when they
// ended, at least need live nodes could reach each other around the node that was
// asked. Operations whose Side is not known are not judged, nor strict ones.
func Available(h history.History, need int) Result {
	r := newResult("available")
	for _, p := range h.Pairs() {
		if p.Invoke.Strict || p.Invoke.Side == 0 || p.Invoke.Side < need || p.End.Side != p.Invoke.Side {
			r.Stats["not judged"]++
			continue
		}
		r.Stats["judged"]++
		if p.End.Type != history.OK && !refusals[p.End.Err] {
			r.add(keyOf(&p.Invoke), []int{p.Invoke.Index, p.End.Index},
				"%s at %s, on a side of %d nodes, ended with %s (%s)", p.Invoke.F, p.Invoke.Node, p.Invoke.Side, p.End.Type, p.End.Err)
		}
	}
	if r.Stats["judged"] == 0 {
		r.unknown("no operation ran on a side of %d nodes", need)
	}
	return r
}

// Check runs every checker that needs a history alone. need is for Available.
func Check(h history.History, need int) Report {
	return Report{Lost(h), Resurrected(h), Phantom(h), OneValueADot(h), Antichain(h), Expired(h), Recent(h), Available(h, need), Progress(h)}
}
