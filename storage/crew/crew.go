// Package crew runs short jobs on goroutines that are used again. A goroutine begins
// with a small stack, and one that goes deep, as a write into Pebble does, copies it
// several times as it grows: for a job of a few microseconds that is a good part of it.
package crew

import (
	"sync"
	"sync/atomic"
)

// A Crew is a few goroutines that wait for jobs, and as many more as there are jobs at
// once. Its zero value keeps none waiting. It may be used by many goroutines.
type Crew struct {
	Idle int64 // how many wait for a job at most

	once    sync.Once
	jobs    chan func()
	done    chan struct{}
	waiting atomic.Int64
	members sync.WaitGroup
}

func (c *Crew) start() {
	c.once.Do(func() { c.jobs, c.done = make(chan func()), make(chan struct{}) })
}

// Go has job run on a goroutine of the crew, and does not wait for it. It must not be
// called once Dismiss or Close was.
func (c *Crew) Go(job func()) {
	c.start()
	select {
	case c.jobs <- job:
	default:
		c.members.Go(func() { c.work(job) })
	}
}

// Dismiss sends those home that wait for a job, and the others once they have ended
// theirs.
func (c *Crew) Dismiss() {
	c.start()
	close(c.done)
}

// Close is Dismiss, and returns when all have gone.
func (c *Crew) Close() {
	c.Dismiss()
	c.members.Wait()
}

func (c *Crew) work(job func()) {
	for {
		job()
		if c.waiting.Add(1) > c.Idle {
			c.waiting.Add(-1)
			return
		}
		select {
		case job = <-c.jobs:
			c.waiting.Add(-1)
		case <-c.done:
			return
		}
	}
}
