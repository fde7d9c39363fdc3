package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/config"
	"github.com/hengedb/henge/cmd/henge/internal/dev"
	"github.com/hengedb/henge/cmd/henge/internal/output"
)

// devBasePort is the first port of a local cluster that names no other.
const devBasePort = 7420

// devFlags are the flags of dev.
type devFlags struct {
	nodes    int
	dir      string
	basePort int
	level    logLevel
}

func (a *app) devCommand() *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a cluster on this machine and say what to try",
		Long: `Runs a real cluster on this machine, one process a node, and prints where each node
answers, its process id and the line that starts it alone. Deaths and recoveries
are told as they happen; a node that died is not started again, so that there is
time to look: the line to do it by hand is printed. Ctrl-C stops all nodes.

Node n1 uses the base port for HTTP and the two after it for RPC and gossip, n2 the
ones from ten above, and so on; on the base port and three "henge dev add" and "henge dev
remove" are heard. Without --dir the data is in a temporary directory
that is removed at the end; with it the data is kept, and the next run goes on
with it.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.dev(cmd, &f) },
	}
	cmd.AddCommand(a.devAdd(), a.devRemove())
	flags := cmd.Flags()
	flags.IntVarP(&f.nodes, "nodes", "n", 3, "how many nodes")
	flags.StringVar(&f.dir, "dir", "", "keep the nodes' data and logs here")
	flags.IntVar(&f.basePort, "base-port", devBasePort, "the first node's HTTP port")
	flags.Var(&f.level, "log-level", "what the nodes log: debug, info, warn or error")
	complete(cmd, "log-level", "debug", "info", "warn", "error")
	return cmd
}

// dev runs the cluster.
func (a *app) dev(cmd *cobra.Command, f *devFlags) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this executable, which the nodes run too: %w", err)
	}
	o := dev.Options{
		Executable: executable, Shown: shown(executable), Nodes: f.nodes, BasePort: f.basePort,
		Pass: []string{"--log-level", f.level.String(), "--local-gossip"}, StopFlag: "--stop-at-eof",
		Environ: withoutSettings(a.environ), Out: a.std.out, JSON: a.format == output.JSON,
	}
	if o.Dir, o.Temporary, err = directory(f.dir); err != nil {
		return err
	}
	err = dev.Run(cmd.Context(), o)
	if o.Temporary && err != nil {
		// Run removes what it has used; what it refused at once is still there.
		err = errors.Join(err, removeEmpty(o.Dir))
	}
	return err
}

// removeEmpty removes a directory that nothing was put into.
func removeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || len(entries) > 0 {
		return nil
	}
	return errors.Join(err, os.Remove(dir))
}

// directory returns where the cluster lives, absolute so that printed lines work
// from anywhere.
func directory(dir string) (path string, temporary bool, err error) {
	if dir == "" {
		path, err = os.MkdirTemp("", "henge-dev-")
		return path, true, err
	}
	path, err = filepath.Abs(dir)
	return path, false, err
}

// shown is how a person can write the executable: its bare name where the shell
// finds the same file by it, else the path.
func shown(executable string) string {
	found, err := exec.LookPath("henge")
	if err != nil {
		return executable
	}
	ours, err := os.Stat(executable)
	if err != nil {
		return executable
	}
	if theirs, err := os.Stat(found); err != nil || !os.SameFile(ours, theirs) {
		return executable
	}
	return "henge"
}

// withoutSettings leaves out the variables that would set the nodes' flags: what a
// node is told stands in its serve line, all of it.
func withoutSettings(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		return strings.HasPrefix(entry, config.Prefix)
	})
}
