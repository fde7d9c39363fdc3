package checker

import "fmt"

// Work is what one node still has to do, when a cluster has been left alone for long.
type Work struct {
	Node    string
	Hints   int64
	Dirty   int // entries of the ledger of what replicas missed
	Deleted int // keys held that are deleted or expired
	Wide    int // keys held whose context names more than they hold
	Fenced  int // partitions of which it has lost memory
	// Why says what holds it up, where the node knows.
	Why []string
}

// Done reports whether nothing is left.
func (w Work) Done() bool { return w.Hints == 0 && w.Dirty+w.Deleted+w.Wide+w.Fenced == 0 }

// String is the work in words.
func (w Work) String() string {
	return fmt.Sprintf("%s: %d hints, %d dirty segments, %d deleted keys, %d wide contexts, %d fenced partitions %q",
		w.Node, w.Hints, w.Dirty, w.Deleted, w.Wide, w.Fenced, w.Why)
}

// Effort counts, by name, what one node has repaired, shipped, reaped and the like.
type Effort struct {
	Node  string
	Count map[string]float64
}

// Rest finds nodes that have something left to do, and nodes that did something between
// two looks at a cluster that had nothing to do. It is Unknown when nobody was looked at.
func Rest(left []Work, before, after []Effort) Result {
	r := newResult("rest")
	for _, w := range left {
		r.Stats["nodes"]++
		if !w.Done() {
			r.add(keyName{}, nil, "work is left on %v", w)
		}
	}
	for i, b := range before {
		if i >= len(after) || after[i].Node != b.Node {
			r.unknown("%s was looked at once", b.Node)
			continue
		}
		for what, n := range b.Count {
			if more := after[i].Count[what] - n; more != 0 {
				r.add(keyName{}, nil, "%s, which had nothing to do, did %v more of %s", b.Node, more, what)
			}
		}
	}
	if len(left) == 0 || len(before) == 0 {
		r.unknown("no node was looked at")
	}
	return r
}

// Narrow finds keys whose contexts, at rest, have more entries than the actors of their
// siblings. Where an operation was minted twice the dot that is gone must stay: such a
// key is counted as a twin.
func Narrow(dumps []Dump) Result {
	r := newResult("narrow")
	for _, d := range dumps {
		r.Stats["copies"]++
		switch {
		case d.Entries <= d.Actors:
		case d.Twin:
			r.Stats["twins"]++
		default:
			r.add(keyName{d.Bucket, d.Key}, nil, "on %s its context has %d entries for %d actors: %s", d.Node, d.Entries, d.Actors, d.State)
		}
	}
	if len(dumps) == 0 {
		r.unknown("no replica was asked")
	}
	return r
}
