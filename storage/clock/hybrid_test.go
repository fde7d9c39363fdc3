package clock

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hengedb/henge/storage/causal"
)

// at is a wall clock's reading in milliseconds.
func at(ms int64) time.Time { return time.UnixMilli(ms) }

// started is a clock whose bound is far.
func started(h *hand) *Hybrid {
	c := NewHybrid(h, 0)
	c.Extend(causal.StampOf(at(1 << 40)))
	return c
}

func TestStampsClimbWhateverTheWallClockDoes(t *testing.T) {
	h := &hand{now: at(1000)}
	c := started(h)
	last := c.Now()
	if last != causal.StampOf(h.now) {
		t.Errorf("now is %d, want the wall's %d", last, causal.StampOf(h.now))
	}
	for _, wall := range []int64{1000, 1000, 1001, 5, 5, 0, 2000} {
		h.now = at(wall)
		next := c.Next(0)
		if next <= last {
			t.Errorf("with the wall at %d the next stamp is %d after %d", wall, next, last)
		}
		if last = c.Now(); last < next {
			t.Errorf("with the wall at %d now is %d, below the stamp %d just given", wall, last, next)
		}
	}
	if last != causal.StampOf(at(2000)) {
		t.Errorf("the clock is at %d, want the wall's time where that is ahead", last)
	}
}

func TestAFloorIsPassedAndMovesNothing(t *testing.T) {
	c := started(&hand{now: at(1000)})
	before := c.Next(0)
	far := causal.StampOf(at(1 << 45))
	if got := c.Next(far); got != far.Next() {
		t.Errorf("above the far floor %d comes %d, want the next", far, got)
	}
	if got := c.Next(0); got <= before || got > before+2 {
		t.Errorf("after a far floor comes %d, want one near %d", got, before)
	}
	if got := c.Now(); got >= far {
		t.Errorf("a far floor moved the clock to %d", got)
	}
	if near := c.Now(); c.Next(near-1) <= near {
		t.Error("a floor below the clock lowered a stamp")
	}
}

func TestTheBoundIsAskedForInTime(t *testing.T) {
	h := &hand{now: at(100_000)}
	c := NewHybrid(h, 0)
	for _, step := range []struct {
		wall         int64
		short, spent bool
	}{{100_000, true, true}, {104_000, false, false}, {105_000, false, false}, {105_001, true, false}, {110_000, true, true}, {120_000, true, true}} {
		h.now = at(step.wall)
		bound, short := c.Short()
		if want := causal.StampOf(at(step.wall + 10_000)); bound != want || short != step.short || c.Spent() != step.spent {
			t.Errorf("at %d ms: bound %d, short %v, spent %v; want %d, %v, %v", step.wall, bound, short, c.Spent(), want, step.short, step.spent)
		}
		if step.wall == 100_000 {
			c.Extend(bound)
			c.Extend(1) // a lower one changes nothing
		}
	}
}

// disk is a hybrid clock with its owner: what is saved, then what the clock is told,
// and starts after crashes in between.
type disk struct {
	wall  hand
	clock *Hybrid
	saved causal.Stamp
	last  causal.Stamp // the highest that anybody saw
}

// TestTheClockNeverRunsBackOverARestart sets the wall clock at random, and crashes
// at random.
func TestTheClockNeverRunsBackOverARestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &disk{wall: hand{now: at(1_000_000)}}
		d.clock = NewHybrid(&d.wall, 0)
		d.saved, _ = d.clock.Short()
		d.clock.Extend(d.saved) // as the owner does before it serves
		t.Repeat(map[string]func(*rapid.T){
			"wall": func(t *rapid.T) { d.wall.now = at(rapid.Int64Range(0, 2_000_000).Draw(t, "wall")) },
			"now":  func(t *rapid.T) { d.see(t, d.clock.Now(), 0) },
			"next": func(t *rapid.T) {
				strictly := causal.Stamp(1)
				if d.clock.Spent() {
					strictly = 0
				}
				d.see(t, d.clock.Next(0), strictly)
			},
			"save": func(*rapid.T) {
				bound, _ := d.clock.Short()
				d.saved = max(d.saved, bound)
			},
			"extend": func(*rapid.T) { d.clock.Extend(d.saved) },
			"crash":  func(*rapid.T) { d.clock = NewHybrid(&d.wall, d.saved) },
		})
	})
}

func (d *disk) see(t *rapid.T, got, more causal.Stamp) {
	if got < d.last+more {
		t.Fatalf("the clock shows %d after %d", got, d.last)
	}
	d.last = got
}
