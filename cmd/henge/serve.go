package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/cmd/henge/internal/config"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

// drainTimeout bounds how long a node finishes its requests before it closes: a
// little more than the longest usual request, and less than the 30 seconds that
// service managers give a process.
const drainTimeout = 10 * time.Second

// ballastBytes are reserved on the heap and never touched, so no memory stands behind
// them. Block cache and memtables lie outside of the heap, what is left is small, and
// collecting it each time it doubled took 8 % more CPU a put: this way the first tens of
// MiB are free, and a heap that is large is still held to twice what is in use, which a
// larger GOGC would not do. GOGC holds where it is set.
const ballastBytes = 40 << 20

// serveFlags are the flags of serve.
type serveFlags struct {
	data      string
	fresh     bool // data holds no store yet
	o         henge.Options
	cacheMiB  int64
	log       logFlags
	stopAtEOF bool
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve --data DIR [--init --expect N | --join ADDR]",
		Short: "Run one node",
		Long: `Runs one node until a signal ends it. SIGTERM and Ctrl-C drain it: /readyz answers
503, the peers are told, requests at work are finished; a second signal does not
wait for that.

A cluster begins with one node that is started with --init and --expect N, and N-1
others that --join it. A node that has been a member finds the others again by
itself.`,
		Example: `  henge serve --data a --name a --init --expect 3
  henge serve --data b --name b --http :7430 --rpc :7431 --gossip :7432 --join 127.0.0.1:7422`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd, &f) },
	}
	f.add(cmd.Flags())
	f.log.add(cmd)
	return cmd
}

// add adds what a node can be told.
func (f *serveFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&f.data, "data", "d", "", "the directory of the node's store (needed)")
	flags.StringVar(&f.o.Name, "name", "", "the node's name, for people (default: the host's)")
	flags.StringVar(&f.o.Zone, "zone", "", "what the node may fail together with; replicas are kept in distinct zones")
	flags.StringVar(&f.o.HTTP, "http", "127.0.0.1:7420", "listen here for clients")
	flags.StringVar(&f.o.RPC, "rpc", "127.0.0.1:7421", "listen here for other nodes' requests")
	flags.StringVar(&f.o.Gossip, "gossip", "127.0.0.1:7422", "listen here (TCP and UDP) for other nodes' gossip")
	flags.BoolVar(&f.o.Init, "init", false, "begin a new cluster with this node, once --expect nodes are here")
	flags.IntVar(&f.o.Expect, "expect", 1, "how many nodes a new cluster begins with; with --init")
	flags.BoolVar(&f.o.AutoJoin, "auto-join", false, "a new cluster takes in nodes that find it by themselves; later: henge settings set auto_join=on")
	flags.StringSliceVar(&f.o.Join, "join", nil, "the gossip address of a node to join; may be repeated")
	flags.IntVar(&f.o.Partitions, "partitions", 0, "how many partitions a new cluster has, for ever: a power of two (default 256)")
	flags.IntVar(&f.o.Replicas, "replicas", 0, "how many replicas a new cluster keeps of each key (default 3)")
	flags.IntVar(&f.o.MaxInFlight, "max-in-flight", 0, "how many client requests are worked on at once (default 1024)")
	flags.Int64Var(&f.cacheMiB, "cache-mib", 0, "the size of the block cache in MiB (default: the store's)")
	flags.BoolVar(&f.o.Pprof, "pprof", false, "serve profiles below /debug/pprof")
	flags.BoolVar(&f.o.LocalGossip, "local-gossip", false, "gossip for nodes on one machine: a death is seen within about two seconds")
	flags.BoolVar(&f.stopAtEOF, "stop-at-eof", false, "drain and end when standard input ends")
	if err := flags.MarkHidden("stop-at-eof"); err != nil {
		panic("serve: " + err.Error())
	}
}

// serve runs the node.
func (a *app) serve(cmd *cobra.Command, f *serveFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	logger := f.log.logger(a.std.err)
	if strangers := config.Strangers(a.environ, flagsOf(cmd.Root())...); len(strangers) > 0 {
		logger.Warn("environment variables that set nothing", slog.Any("names", strangers))
	}
	for _, addr := range []string{f.o.HTTP, f.o.RPC, f.o.Gossip} {
		if beyondLoopback(addr) {
			logger.Warn("listens beyond loopback: whoever reaches this address can read and write everything", slog.String("address", addr))
		}
	}
	ctx := cmd.Context()
	if f.stopAtEOF {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		go endAtEOF(a.std.in, cancel)
	}
	if err := resolvable(ctx, f.o.Join); err != nil {
		if f.fresh {
			return exit.With(exit.Peer, fmt.Errorf("--join: %w", err))
		}
		logger.Warn("a peer cannot be resolved; the node looks for those it knows from earlier", slog.String("error", err.Error()))
	}
	if os.Getenv("GOGC") == "" {
		defer runtime.KeepAlive(make([]byte, ballastBytes))
	}
	o := f.o
	o.Logger, o.Version, o.CacheBytes = logger, buildOf().Version, f.cacheMiB<<20
	node, err := henge.Open(ctx, f.data, o)
	if err != nil {
		return startError(f.data, err)
	}
	return keep(ctx, node, logger)
}

// check completes the flags and refuses what cannot be meant.
func (f *serveFlags) check() error {
	if f.data == "" {
		return usage("serve needs --data DIR, the directory of the node's store")
	}
	entries, err := os.ReadDir(f.data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return exit.With(exit.Data, err)
	}
	f.fresh = len(entries) == 0
	if f.fresh && !f.o.Init && len(f.o.Join) == 0 {
		return usage("%s is empty: begin a cluster with --init, or become part of one with --join ADDR", f.data)
	}
	for _, addr := range f.o.Join {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return usage("--join %s: want the host:port where a node gossips", addr)
		}
	}
	if f.o.Name == "" {
		if f.o.Name, err = os.Hostname(); err != nil {
			return fmt.Errorf("find the host's name (--name gives another): %w", err)
		}
	}
	f.o.EnsureDefaults()
	return exit.With(exit.Usage, f.o.Validate())
}

// endAtEOF ends the node when its input does: whoever held the other end is gone,
// or has closed it for this. It ends with the process at the latest.
func endAtEOF(in io.Reader, cancel context.CancelCauseFunc) {
	_, err := io.Copy(io.Discard, in)
	cancel(errors.Join(exit.ErrInterrupted, err))
}

// keep runs an open node until ctx ends or the node cannot go on.
func keep(ctx context.Context, node *henge.Node, logger *slog.Logger) error {
	addrs := node.Addrs()
	logger.Info("node is open", slog.String("id", node.ID().String()),
		slog.String("http", addrs.HTTP), slog.String("rpc", addrs.RPC), slog.String("gossip", addrs.Gossip))
	waiting, stop := context.WithCancel(ctx)
	announced := make(chan struct{})
	go func() {
		defer close(announced)
		if node.Ready(waiting) == nil {
			logger.Info("node is ready", slog.String("http", addrs.HTTP))
		}
	}()
	var err error
	select {
	case <-ctx.Done():
		err = drain(context.WithoutCancel(ctx), node, logger)
	case <-node.Done():
		err = exit.With(exit.Node, fmt.Errorf("the node had to stop: %w", node.Err()))
	}
	stop()
	<-announced
	if cerr := node.Close(); cerr != nil && !errors.Is(cerr, henge.ErrClosed) {
		err = errors.Join(err, fmt.Errorf("close: %w", cerr))
	}
	if err == nil {
		logger.Info("node is closed")
	}
	return err
}

// drain lets the node finish its requests. What it does not finish in time is
// worth a line, not a failure: the store loses nothing.
func drain(ctx context.Context, node *henge.Node, logger *slog.Logger) error {
	logger.Info("node drains")
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := node.Drain(ctx); err != nil {
		logger.Warn("drain is cut short", slog.String("error", err.Error()))
	}
	return nil
}

// flagsOf collects the flags of a command and all below it.
func flagsOf(cmd *cobra.Command) []*pflag.FlagSet {
	sets := []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()}
	for _, child := range cmd.Commands() {
		sets = append(sets, flagsOf(child)...)
	}
	return sets
}
