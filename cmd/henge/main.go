package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

func main() {
	if relaxes(os.Args[1:]) {
		relax()
	}
	os.Exit(int(supervise(os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Environ())))
}

// relaxes reports whether a command line runs a node, which relax is for. One that only
// names a key so starts over in vain, and is none the worse.
func relaxes(args []string) bool { return slices.Contains(args, "serve") }

// streams are what a process reads and writes.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// supervise runs a command until it is done. The first signal asks it to end, by
// its context; the second does not wait for it.
func supervise(args []string, std streams, environ []string) exit.Code {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, endSignals()...)
	defer signal.Stop(signals)
	done := make(chan exit.Code, 1)
	go func() { done <- run(ctx, args, std, environ) }()
	for asked := false; ; asked = true {
		select {
		case code := <-done:
			return code
		case sig := <-signals:
			if asked {
				fmt.Fprintf(std.err, "henge: second signal (%v): ending at once\n", sig) //nolint:errcheck // on the way out
				return exit.Interrupted
			}
			cancel(exit.ErrInterrupted)
		}
	}
}

// endSignals are the signals that ask a command to end. A hang-up that the parent
// ignores, as nohup does, stays ignored.
func endSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}
