package governor

import "time"

// The pace at which the budget follows what requests tell.
const (
	// window is the shortest over which a p99 is taken: a cut comes this late. A shorter
	// one would hold too few requests.
	window = 250 * time.Millisecond
	// windowLongest is how long a window stays open for fewer than enough requests.
	windowLongest = time.Second
	// enough requests make a p99, if only their maximum; normals are learned of the same.
	enough = 16

	cutOver   = 2.0 // times the normal
	growBelow = 1.5 // times the normal; between the two the factor stays
	step      = 1.0 / 64
	beginning = 1.0 / 8 // of work that finds requests

	// floorShare and floorBytes a second are left however slow requests are, the larger
	// of both: a piece of a transfer is a quarter MiB, and has half a minute.
	floorShare = 1.0 / 64
	floorBytes = 1 << 20
)

// pace is the budget's factor and what it rests on.
type pace struct {
	factor float64
	busy   bool          // there were requests enough in the last window
	opened time.Duration // the window, since the governor began
	paid   float64       // in the window
	verbs  [verbs]normal
}

// normal is what is usual of one verb.
type normal struct{ usual, recent time.Duration }

// rollIfDue closes the window when its time has come.
func (g *Governor) rollIfDue(now time.Time) {
	if int64(now.Sub(g.begun)) >= g.until.Load() {
		g.roll(now)
	}
}

// roll closes the window, if it tells something or was open for long enough.
func (g *Governor) roll(now time.Time) {
	p := &g.pace
	at := now.Sub(g.begun)
	open := at - p.opened
	if open < window {
		return
	}
	if open < windowLongest && max(g.seen[Read].count(), g.seen[Write].count()) < enough {
		g.until.Store(int64(at + window))
		return
	}
	full := g.fullRate()
	floor := min(1, max(floorShare, floorBytes/full))
	idle := !g.worked(now.Add(-open))
	little := p.paid <= floor*full*open.Seconds()*1.5+operationBytes
	p.busy = false
	worst := 0.0
	for v := range g.seen {
		n := &p.verbs[v]
		count, p99 := g.seen[v].take()
		if count < enough {
			continue
		}
		p.busy = true
		n.learn(p99, idle, little)
		worst = max(worst, float64(p99)/float64(n.usual))
	}
	p.adjust(worst, floor, idle, int(open/window))
	p.paid = 0
	p.opened = at
	g.until.Store(int64(at + window))
}

// learn takes in the p99 of a window. Idle says that no background work was done in it,
// little that no more was than the floor allows.
func (n *normal) learn(p99 time.Duration, idle, little bool) {
	n.recent = p99
	off := p99 - n.usual
	switch {
	case n.usual == 0:
		n.usual = p99
	case off < 0:
		n.usual += off / 8
	case idle:
		n.usual += off / 16
	case little:
		n.usual += off / 64
	}
}

// adjust moves the factor after some windows, for the worst ratio of a p99 to its normal.
func (p *pace) adjust(worst, floor float64, idle bool, windows int) {
	switch {
	case !p.busy:
		for ; windows > 0 && p.factor < 1; windows-- {
			p.factor *= 2
		}
	case worst > cutOver && !idle:
		p.factor /= 2
	case worst <= growBelow || idle:
		p.factor += step * float64(windows)
	}
	p.factor = max(min(p.factor, 1), floor)
}

// start is called when work begins.
func (p *pace) start() {
	if p.busy {
		p.factor = min(p.factor, beginning)
	}
}
