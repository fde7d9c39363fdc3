package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/bench"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

// benchFlags are the flags of bench.
type benchFlags struct {
	bucketTarget
	knobs
	o      bench.Options
	mix    string
	noFill bool
}

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure puts and gets in a closed loop",
		Long: `Measures puts and gets over HTTP. Each client sends its next request when the last
one is answered (a closed loop: it slows down with the cluster). Before reads are
measured, every key is stored once. The exit code is 1 when requests failed.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bench(cmd, &f) },
	}
	f.add(cmd)
	cmd.Flags().Lookup("bucket").DefValue, f.bucket = "bench", "bench"
	f.addWrite(cmd)
	f.addR(cmd)
	flags := cmd.Flags()
	flags.IntVarP(&f.o.Clients, "clients", "c", 16, "how many clients send at once")
	flags.DurationVar(&f.o.Duration, "duration", 10*time.Second, "how long")
	flags.IntVar(&f.o.Size, "size", 1024, "bytes of a value")
	flags.IntVar(&f.o.Keys, "keys", 10_000, "how many keys there are")
	flags.StringVar(&f.mix, "mix", string(bench.Mixed), "put, get, or mixed: half of each")
	flags.Uint64Var(&f.o.Seed, "seed", 0, "of the keys' and values' random choice; 0 draws one")
	flags.BoolVar(&f.noFill, "no-fill", false, "do not store the keys before reads are measured")
	complete(cmd, "mix", bench.Mixes()...)
	return cmd
}

// bench measures and prints.
func (a *app) bench(cmd *cobra.Command, f *benchFlags) error {
	o := f.o
	o.Mix, o.Read, o.Write = bench.Mix(f.mix), f.read(), f.write()
	if o.Seed == 0 {
		o.Seed = rand.Uint64() //nolint:gosec // load, not secrets
	}
	if err := o.Validate(); err != nil {
		return exit.With(exit.Usage, err)
	}
	bucket, err := f.connectBucket()
	if err != nil {
		return err
	}
	if o.Mix != bench.Puts && !f.noFill {
		a.tell("storing %d keys of %d bytes first", o.Keys, o.Size)
		if err := bench.Fill(cmd.Context(), bucket, o); err != nil {
			return err
		}
	}
	a.tell("measuring for %s", o.Duration)
	report := bench.Run(cmd.Context(), bucket, o)
	if err := a.printer().Result(report, report.Human); err != nil {
		return err
	}
	if n := report.Failed(); n > 0 {
		return exit.With(exit.Failure, fmt.Errorf("bench: %d requests failed", n))
	}
	return nil
}
