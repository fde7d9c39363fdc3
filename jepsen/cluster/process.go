//go:build unix

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// process is one run of the command.
type process struct {
	cmd  *exec.Cmd
	hold *os.File      // the pipe's end that the child waits on
	done chan struct{} // closed when the child is gone and its state known
}

// start runs a node's command line. The end of ctx does not end the process: a test
// that is over says how its processes end.
func start(ctx context.Context, n *Node) (*process, error) {
	log, err := os.OpenFile(n.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", n.Name, err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor; ours wrote nothing
	stdin, hold, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", n.Name, err)
	}
	defer stdin.Close()                                                         //nolint:errcheck // as above
	cmd := exec.CommandContext(context.WithoutCancel(ctx), n.binary, n.args...) //nolint:gosec // what was built
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = stdin, log, log, environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", n.Name, err), hold.Close())
	}
	p := &process{cmd: cmd, hold: hold, done: make(chan struct{})}
	go p.wait()
	return p, nil
}

// wait takes note of the child's end, whenever that is; at the latest when this
// process's own end closes the pipe.
func (p *process) wait() {
	_ = p.cmd.Wait() // ProcessState says it better
	_ = p.hold.Close()
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

// signal sends a signal. One that has ended meanwhile is an error only to those who
// meant it to live.
func (p *process) signal(sig syscall.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if errors.Is(err, os.ErrProcessDone) && sig == syscall.SIGKILL {
		return nil
	}
	return err
}

// tail is the end of what the node's processes logged.
func (n *Node) tail(lines int) string {
	raw, err := os.ReadFile(n.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
