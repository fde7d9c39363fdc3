package dev

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// process is one running child.
type process struct {
	node Node
	cmd  *exec.Cmd
	hold *os.File      // the pipe's end whose closing tells the child to stop
	done chan struct{} // closed when the child is gone and its state known
}

// start runs a node. The child's end of the pipe is its standard input, its
// output goes to its log.
func start(ctx context.Context, o Options, n Node) (*process, error) {
	log, err := os.OpenFile(n.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", n.Name, err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor; ours wrote nothing
	stdin, hold, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", n.Name, err)
	}
	defer stdin.Close() //nolint:errcheck // as above
	args := append([]string{}, n.args...)
	if o.StopFlag != "" {
		args = append(args, o.StopFlag)
	}
	// The end of ctx must not kill the child: it is told to stop, and waited for.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), o.Executable, args...) //nolint:gosec // our own executable
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = stdin, log, log, o.Environ
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", n.Name, withClose(err, hold))
	}
	return &process{node: n, cmd: cmd, hold: hold, done: make(chan struct{})}, nil
}

// withClose closes f and returns err, with what closing met.
func withClose(err error, f *os.File) error {
	if cerr := f.Close(); cerr != nil {
		return fmt.Errorf("%w; %w", err, cerr)
	}
	return err
}

// wait returns when the child is gone.
func (p *process) wait() {
	// The error says how the process ended, and ProcessState says it better.
	_ = p.cmd.Wait()
	close(p.done)
}

// gone reports whether the child has ended.
func (p *process) gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop tells the child to end and waits; one that takes longer than timeout is
// killed. It returns how the child ended.
func (p *process) stop(timeout time.Duration) (how string, clean bool) {
	if err := p.hold.Close(); err != nil {
		return p.kill(fmt.Sprintf("could not be told to stop (%v)", err))
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.ending()
	case <-timer.C:
		return p.kill(fmt.Sprintf("did not stop within %s", timeout))
	}
}

// kill ends the child at once.
func (p *process) kill(why string) (string, bool) {
	if err := p.cmd.Process.Kill(); err != nil && !p.gone() {
		return fmt.Sprintf("%s and could not be killed: %v", why, err), false
	}
	<-p.done
	return why + " and was killed", false
}

// ending words how the child ended, and whether as it should.
func (p *process) ending() (how string, clean bool) {
	state := p.cmd.ProcessState
	if state.Success() {
		return "stopped", true
	}
	return "died: " + state.String(), false
}

// tail returns the last lines of the node's log.
func (n Node) tail(lines int) []string {
	const enough = 16 << 10
	f, err := os.Open(n.Log())
	if err != nil {
		return []string{err.Error()}
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return []string{err.Error()}
	}
	raw := make([]byte, min(enough, info.Size()))
	if _, err := f.ReadAt(raw, info.Size()-int64(len(raw))); err != nil {
		return []string{err.Error()}
	}
	all := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	return all[max(0, len(all)-lines):]
}
