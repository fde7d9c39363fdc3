package replication

// A put counts in two sets while the layout changes: who serves, and the set that did
// or will (design R4). A sets says which of them a node counts in; a fallback is in
// neither, and counts once in each.
type sets uint8

const (
	inServing sets = 1 << 0
	inSecond  sets = 1 << 1
	inBoth         = inServing | inSecond
)

// quorum counts distinct nodes of one set.
type quorum struct {
	need    int // how many must count
	want    int // how many should take part: R of a get, the whole set of a put
	got     int // how many do
	pending int // asked, not answered, not yet silent for too long
	silent  int // asked, and silent beyond the cap: they may still answer
	spare   int // not asked yet
}

// met reports whether enough count.
func (q quorum) met() bool { return q.got >= q.need }

// lost reports whether enough can never count: a request fails as early as it
// succeeds.
func (q quorum) lost() bool { return q.got+q.pending+q.silent+q.spare < q.need }

// short is how many more nodes must be asked for the need to be met without those
// that are silent.
func (q quorum) short() int { return max(0, q.need-q.got-q.pending) }

// tally counts toward a quorum in each of the two sets; one without a need is met. It
// is a value: who asks, and how, is the round's business.
type tally struct{ serving, second quorum }

// each calls f for the quorums that in names.
func (t *tally) each(in sets, f func(*quorum)) {
	if in&inServing != 0 {
		f(&t.serving)
	}
	if in&inSecond != 0 {
		f(&t.second)
	}
}

func (t *tally) asked(in sets)    { t.each(in, func(q *quorum) { q.pending++ }) }
func (t *tally) counts(in sets)   { t.each(in, func(q *quorum) { q.got++ }) }
func (t *tally) silenced(in sets) { t.each(in, func(q *quorum) { q.pending--; q.silent++ }) }

// answered takes a node out of those that may still answer.
func (t *tally) answered(in sets, wasSilent bool) {
	t.each(in, func(q *quorum) {
		if wasSilent {
			q.silent--
		} else {
			q.pending--
		}
	})
}

// spares counts anew who was not asked yet.
func (t *tally) spares(spares []sets) {
	t.serving.spare, t.second.spare = 0, 0
	for _, in := range spares {
		t.each(in, func(q *quorum) { q.spare++ })
	}
}

// met reports whether enough count in each set.
func (t tally) met() bool { return t.serving.met() && t.second.met() }

// lost reports whether enough can never count in one of them.
func (t tally) lost() bool { return t.serving.lost() || t.second.lost() }

// short is how many more nodes must be asked, if each of them counts in both.
func (t tally) short() int { return max(t.serving.short(), t.second.short()) }

// few reports whether fewer than should take part in one of them.
func (t tally) few() bool {
	few := func(q quorum) bool { return q.got+q.pending+q.silent < q.want }
	return few(t.serving) || few(t.second)
}

// helps reports whether one more node that counts there is of use: nobody is short, or
// those are whom it counts for.
func (t tally) helps(in sets) bool {
	return t.short() == 0 || (in&inServing != 0 && t.serving.short() > 0) || (in&inSecond != 0 && t.second.short() > 0)
}

// waiting reports whether a node may answer that is not silent yet.
func (t tally) waiting() bool { return t.serving.pending+t.second.pending > 0 }

// outstanding reports whether a node may still answer.
func (t tally) outstanding() bool { return t.waiting() || t.serving.silent+t.second.silent > 0 }

// worse is the quorum that lacks more: what a failure is told by.
func (t tally) worse() quorum {
	if t.second.need-t.second.got > t.serving.need-t.serving.got {
		return t.second
	}
	return t.serving
}
