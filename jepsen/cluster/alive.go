//go:build unix

package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Alive reports whether a process runs or is paused. One that has ended keeps its id
// until somebody waits for it, but is not alive.
func Alive(pid int) bool {
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) && threadStates(pid) != "Z"
}

// threadStates are the states of a process's threads, each letter once, as /proc
// tells them; nothing on systems that have none.
func threadStates(pid int) string {
	var states string
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // fails for bad patterns only
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // the thread ended meanwhile
		}
		_, rest, _ := strings.Cut(string(raw), ") ") // the name before may hold anything else
		if rest != "" && !strings.Contains(states, rest[:1]) {
			states += rest[:1]
		}
	}
	return states
}

// stopped waits until every thread of the process stands still. A signal is only sent
// when its call returns; and the kernel wakes orphans that stand, not those about to.
func (p *process) stopped() error {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		if states := threadStates(p.cmd.Process.Pid); states == "T" || states == "" {
			return nil
		}
		select {
		case <-p.done:
			return os.ErrProcessDone
		case <-ticker.C:
		}
	}
}
