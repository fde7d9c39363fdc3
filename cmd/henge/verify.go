package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// verifyAtOnce is how many partitions are compared at once.
const verifyAtOnce = 4

// verifyFlags are the flags of verify.
type verifyFlags struct {
	target
	bucket    string
	partition int
	repair    bool
}

func (a *app) verifyCommand() *cobra.Command {
	f := verifyFlags{partition: -1}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare what all replicas hold, key by key",
		Long: fmt.Sprintf(`Reads what is on the disks of all replicas and compares it, while they serve, at the pace of
transfer_mibps. A key differs when it still does a moment later. With --repair the replicas
of such a key join what each other holds.

The exit code is 0 when everything was compared and nothing differs, %d when something still
differs, and %d when some replica could not be asked.`, exit.Failure, exit.Incomplete),
		Example: "  henge verify\n  henge verify --bucket carts --repair",
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.partition < -1 {
				return usage("--partition %d: they are counted from 0", f.partition)
			}
			c, err := f.connect()
			if err != nil {
				return err
			}
			return a.verify(cmd.Context(), c, &f)
		},
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.bucket, "bucket", "b", "", "this bucket alone (default: every bucket)")
	flags.IntVar(&f.partition, "partition", -1, "this partition alone (default: all)")
	flags.BoolVar(&f.repair, "repair", false, "have the replicas of what differs join each other's")
	return cmd
}

// verified is what a run of verify found.
type verified struct {
	Partitions int                 `json:"partitions"` // compared to their ends
	Keys       int64               `json:"keys"`
	Differing  []wire.DifferingKey `json:"differing"`
	Repaired   int64               `json:"repaired"`
	Away       []string            `json:"away,omitempty"`   // replicas that some partition was compared without
	Failed     []string            `json:"failed,omitempty"` // why partitions were not compared

	mu sync.Mutex
}

func (a *app) verify(ctx context.Context, c *client.Client, f *verifyFlags) error {
	layout, err := c.Layout(ctx)
	if err != nil {
		return asRead(fmt.Errorf("layout: %w", err))
	}
	from, to := 0, layout.Partitions
	if f.partition >= 0 {
		if from, to = f.partition, f.partition+1; to > layout.Partitions {
			return usage("--partition %d: there are %d, from 0", f.partition, layout.Partitions)
		}
	}
	found := &verified{Differing: []wire.DifferingKey{}}
	step, stop := a.verifyProgress(to-from, found)
	slots := make(chan struct{}, verifyAtOnce)
	var flying sync.WaitGroup
	for p := from; p < to && ctx.Err() == nil; p++ {
		slots <- struct{}{}
		flying.Go(func() {
			defer func() { <-slots }()
			o := request.VerifyOptions{Partition: ring.Partition(p), Bucket: f.bucket, Repair: f.repair} //nolint:gosec // below 65,536
			if err := found.partition(ctx, c, o); err != nil {
				found.fail(p, err)
			}
			step()
		})
	}
	flying.Wait()
	stop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := a.printer().Result(found, func(w io.Writer) error { return found.print(w) }); err != nil {
		return err
	}
	return found.verdict()
}

// partition compares one partition to its end.
func (v *verified) partition(ctx context.Context, c *client.Client, o request.VerifyOptions) error {
	for {
		part, err := c.Verify(ctx, o)
		if err != nil {
			return err
		}
		v.mu.Lock()
		v.Keys, v.Repaired = v.Keys+part.Keys, v.Repaired+part.Repaired
		v.Differing = append(v.Differing, wire.VerificationOf(part).Differing...)
		for _, name := range part.Away {
			if !slices.Contains(v.Away, name) {
				v.Away = append(v.Away, name)
			}
		}
		if part.Next == "" {
			v.Partitions++
		}
		v.mu.Unlock()
		if o.After = part.Next; o.After == "" {
			return nil
		}
	}
}

func (v *verified) fail(p int, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Failed = append(v.Failed, fmt.Sprintf("partition %d: %v", p, err))
}

// words is what was found so far.
func (v *verified) words() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	text := fmt.Sprintf("%d keys compared, %d differ", v.Keys, len(v.Differing))
	if v.Repaired > 0 {
		text += fmt.Sprintf(", %d repaired", v.Repaired)
	}
	return text
}

// print writes what differs, and what was not seen.
func (v *verified) print(w io.Writer) error {
	for i, d := range v.Differing {
		if i == namedLosses {
			if _, err := fmt.Fprintf(w, "and %d more (--output json has them all)\n", len(v.Differing)-i); err != nil {
				return err
			}
			break
		}
		var held []string
		for name, digest := range d.Digests {
			if digest == "" {
				digest = "nothing"
			}
			held = append(held, name+" "+digest)
		}
		slices.Sort(held)
		if _, err := fmt.Fprintf(w, "%s in %s: %s\n", output.Key(d.String()), d.Bucket, strings.Join(held, ", ")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d partitions: %s\n", v.Partitions, v.words())
	return err
}

// verdict is the exit code, with the reason.
func (v *verified) verdict() error {
	switch {
	case len(v.Failed) > 0:
		return exit.With(exit.Incomplete, fmt.Errorf("%d partitions were not compared; %s", len(v.Failed), v.Failed[0]))
	case len(v.Differing) > 0:
		return exit.With(exit.Failure, fmt.Errorf("%d keys differ between their replicas; henge verify --repair joins them", len(v.Differing)))
	case len(v.Away) > 0:
		return exit.With(exit.Incomplete, errors.New("compared without "+strings.Join(v.Away, ", ")+", which could not be asked"))
	}
	return nil
}

// verifyProgress shows how many partitions were compared: a bar on a terminal, a line now
// and then elsewhere.
func (a *app) verifyProgress(total int, found *verified) (step, stop func()) {
	if !isTerminal(a.std.err) {
		return func() {}, every(lineEvery, func() { a.tell("verify: %s", found.words()) })
	}
	all := mpb.New(mpb.WithOutput(a.std.err), mpb.WithWidth(40), mpb.WithRefreshRate(barEvery))
	bar := all.AddBar(int64(total), mpb.PrependDecorators(decor.CountersNoUnit("%d of %d partitions")),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + found.words() })))
	return bar.Increment, func() {
		bar.Abort(false)
		all.Wait()
	}
}
