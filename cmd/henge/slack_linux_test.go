package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestAllThreadsOfANodeLetTheKernelBeLate begins as a node does, in a process of its own,
// and has a thread that was there before look at its slack.
func TestAllThreadsOfANodeLetTheKernelBeLate(t *testing.T) {
	const child = "HENGE_TEST_SLACK"
	if os.Getenv(child) != "" {
		elder := make(chan time.Duration, 1)
		ready, done := make(chan struct{}), make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(ready)
			<-done
			elder <- slack()
		}()
		<-ready
		fmt.Println("start")
		if relaxes(os.Args[len(os.Args)-1:]) {
			relax()
		}
		close(done)
		fmt.Println("slack", <-elder)
		return
	}
	for command, want := range map[string]struct {
		starts int
		slack  time.Duration
	}{
		"serve": {2, timerSlack},
		"get":   {1, slack()},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "--", command) //nolint:gosec // this test
		cmd.Env = append(os.Environ(), child+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		starts := strings.Count(string(out), "start\n")
		if !strings.Contains(string(out), fmt.Sprintln("slack", want.slack)) || starts != want.starts {
			t.Errorf("%s: want %d starts and a slack of %v, got:\n%s", command, want.starts, want.slack, out)
		}
	}
}
