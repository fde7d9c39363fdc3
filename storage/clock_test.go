package storage

import (
	"time"

	"github.com/hengedb/henge/storage/clock"
)

// handClock is the machine's clock with timers that a test fires.
type handClock struct {
	clock.System
	hand
}

// AfterFunc notes f for fire.
func (c *handClock) AfterFunc(d time.Duration, f func()) clock.Timer {
	c.mu <- struct{}{}
	defer func() { <-c.mu }()
	t := &handTimer{f: f, after: d}
	c.timers = append(c.timers, t)
	return t
}

// fire runs the oldest timer that was not stopped, and returns its delay.
func (c *handClock) fire() time.Duration {
	for {
		c.mu <- struct{}{}
		t := c.timers[0]
		c.timers = c.timers[1:]
		<-c.mu
		if t.Stop() {
			t.f()
			return t.after
		}
	}
}

// pending counts the timers that are set.
func (c *handClock) pending() (n int) {
	c.mu <- struct{}{}
	defer func() { <-c.mu }()
	for _, t := range c.timers {
		if !t.stopped.Load() {
			n++
		}
	}
	return n
}
