package replication

// tally counts distinct nodes toward a quorum. It is a value: who asks, and how,
// is the round's business.
type tally struct {
	need    int // how many must count
	got     int // how many do
	pending int // asked, not answered, not yet silent for too long
	silent  int // asked, and silent beyond the cap: they may still answer
	spare   int // not asked yet
}

// met reports whether enough count.
func (t tally) met() bool { return t.got >= t.need }

// lost reports whether enough can never count: a request fails as early as it
// succeeds.
func (t tally) lost() bool { return t.got+t.pending+t.silent+t.spare < t.need }

// short is how many more nodes must be asked for the need to be met without those
// that are silent.
func (t tally) short() int { return max(0, t.need-t.got-t.pending) }
