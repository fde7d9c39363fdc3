package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/replication/request"
)

// count is a flag that takes one, quorum, all or a number.
type count struct{ n *request.Count }

func (c count) String() string {
	if c.n == nil || *c.n == request.Default {
		return ""
	}
	return c.n.String()
}

func (c count) Type() string { return "count" }

func (c count) Set(s string) (err error) {
	*c.n, err = request.ParseCount(s)
	return err
}

// knobs are the flags of single requests. What is not given is left to the
// bucket's and the cluster's settings.
type knobs struct {
	cmd     *cobra.Command
	r, w    request.Count
	strict  bool
	sync    bool
	timeout time.Duration
}

// common adds what reads and writes share.
func (k *knobs) common(cmd *cobra.Command) {
	k.cmd = cmd
	cmd.Flags().BoolVar(&k.strict, "strict", false, "only the key's own replicas count, no node standing in for one")
	cmd.Flags().DurationVar(&k.timeout, "timeout", 0, "how long a request may take (default: the cluster's, 1s)")
}

// addRead adds the flags of reads.
func (k *knobs) addRead(cmd *cobra.Command) {
	k.common(cmd)
	k.addR(cmd)
}

// addR adds the flag of how many replicas a read asks.
func (k *knobs) addR(cmd *cobra.Command) {
	cmd.Flags().Var(count{&k.r}, "r", "how many replicas must answer: one, quorum, all or a number (default: the bucket's, quorum)")
	complete(cmd, "r", "one", "quorum", "all")
}

// addWrite adds the flags of writes.
func (k *knobs) addWrite(cmd *cobra.Command) {
	k.common(cmd)
	cmd.Flags().Var(count{&k.w}, "w", "how many nodes must hold the write: one, quorum, all or a number (default: the bucket's, quorum)")
	cmd.Flags().BoolVar(&k.sync, "sync", true, "acknowledge only what is synced to disk")
	complete(cmd, "w", "one", "quorum", "all")
}

// given turns a bool flag into a switch that is unset unless the flag was set.
func (k *knobs) given(flag string, on bool) request.Switch {
	if !k.cmd.Flags().Changed(flag) {
		return request.Unset
	}
	return request.SwitchOf(on)
}

func (k *knobs) read() request.ReadOptions {
	return request.ReadOptions{R: k.r, Strict: k.given("strict", k.strict), Timeout: k.timeout}
}

func (k *knobs) write() request.WriteOptions {
	return request.WriteOptions{
		W: k.w, Strict: k.given("strict", k.strict), Unsynced: k.given("sync", !k.sync), Timeout: k.timeout,
	}
}

// asRead gives the error of a request that writes nothing its exit code.
func asRead(err error) error {
	if err == nil {
		return nil
	}
	return exit.With(exit.OfRead(err), err)
}
