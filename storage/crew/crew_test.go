package crew_test

import (
	"bytes"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hengedb/henge/storage/crew"
)

func TestJobsRunAtOnceAndAllOfThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := crew.Crew{Idle: 2}
		hold := make(chan struct{})
		var begun, ended atomic.Int64
		for range 3 {
			for range 10 {
				c.Go(func() { begun.Add(1); <-hold; ended.Add(1) })
			}
			synctest.Wait()
		}
		if begun.Load() != 30 {
			t.Errorf("%d jobs of 30 have begun: none waits for another", begun.Load())
		}
		go close(hold)
		c.Close()
		if ended.Load() != 30 {
			t.Errorf("%d jobs of 30 had ended when Close returned", ended.Load())
		}
	})
}

// name is the running goroutine's.
func name() string {
	stack := make([]byte, 64)
	return string(bytes.Fields(stack[:runtime.Stack(stack, false)])[1])
}

func TestAGoroutineIsUsedAgain(t *testing.T) {
	for idle, want := range map[int64]int{0: 5, 1: 1} {
		synctest.Test(t, func(t *testing.T) {
			c := crew.Crew{Idle: idle}
			seen := make(map[string]bool)
			for range 5 {
				c.Go(func() { seen[name()] = true })
				synctest.Wait() // it waits, or has gone
			}
			c.Close()
			if len(seen) != want {
				t.Errorf("with %d kept waiting, five jobs one after the other ran on %d goroutines, want %d", idle, len(seen), want)
			}
		})
	}
}
