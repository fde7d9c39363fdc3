package governor

import "time"

// bucket is a class's tokens, which are bytes. It goes into debt where a piece was larger
// than those before it.
type bucket struct {
	have    float64
	usual   float64 // what a piece costs, of late
	advance float64 // taken for pieces that have not been paid
	used    time.Time
	paused  bool
	bytes   int64
	waits   int64
}

const (
	// idleAfter is how long a class counts as at work after it last did something:
	// longer than its pieces are on their way.
	idleAfter = time.Second
	// burst is how many seconds' worth a bucket holds: what a class that was held up by
	// something else for so long catches up on.
	burst = 0.2
)

// worked reports whether any class did something since a time.
func (g *Governor) worked(since time.Time) bool {
	for i := range g.buckets {
		if g.buckets[i].used.After(since) {
			return true
		}
	}
	return false
}

// refill deals out what has come in since the last refill among the classes at work,
// equally; what one has no room for goes to the others. It returns what one class gets in
// a second.
func (g *Governor) refill(now time.Time) float64 {
	g.rollIfDue(now)
	rate := g.pace.factor * g.fullRate()
	tokens := rate * max(now.Sub(g.at).Seconds(), 0)
	g.at = now
	var all [classes]*bucket
	open := all[:0]
	for i := range g.buckets {
		b := &g.buckets[i]
		b.have = min(b.have, burst*rate)
		if !b.paused && b.used.After(now.Add(-idleAfter)) {
			open = append(open, b)
		}
	}
	share := rate / float64(max(len(open), 1))
	for len(open) > 0 && tokens > 0 {
		each, left := tokens/float64(len(open)), open[:0]
		tokens = 0
		for _, b := range open {
			room := burst*rate - b.have
			b.have += min(each, room)
			if each < room {
				left = append(left, b)
			} else {
				tokens += each - room
			}
		}
		if len(left) == len(open) {
			break
		}
		open = left
	}
	return share
}
