package main

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timerSlack is by how much the kernel may wake this process late; 50 µs is what it takes
// unasked. The thread of the Go runtime that watches for blocked threads asks to be woken
// every 20 µs, for as long as the program goes in and out of the disk, and took a seventh
// of a node's CPU that way. Ten times as much takes most of that away. Much more, and who
// waits for another thread's work would wait noticeably.
const timerSlack = 500 * time.Microsecond

// relax gives this process timerSlack. A thread sets only its own, and the watching one
// runs before main does; but a thread that begins has the slack of the one that made it,
// and exec keeps it. So the program sets it and starts over, once. Where the system does
// not let it, it goes on as it is.
func relax() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if slack() >= timerSlack || unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0) != nil || slack() < timerSlack {
		return // this is the second start, or there is none: threads of a real-time policy have no slack
	}
	if program, err := os.Executable(); err == nil {
		_ = syscall.Exec(program, os.Args, os.Environ()) //nolint:gosec // this program itself; it returns only if it cannot
	}
}

// slack is the slack of the thread that asks; 0 where it is not known.
func slack() time.Duration {
	ns, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return 0
	}
	return time.Duration(ns)
}
