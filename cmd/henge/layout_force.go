package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
)

// forceRisk is what a person must know before a force.
const forceRisk = `This gives up members that are lost together with a majority, with no vote. It risks data:
- what the lost decided or took, and nobody here has, is not in force any more; where they
  come back, their decisions are set aside, and henge status lists them; what they stored
  is merged with what is written here
- if those named run somewhere and are forced there too, one side's writes are lost
Be sure that they are gone for ever: a majority that is only away decides again by itself.`

// forceFlags are the flags of layout force.
type forceFlags struct {
	target
	lost []string
	yes  string
}

func (a *app) layoutForce() *cobra.Command {
	var f forceFlags
	cmd := &cobra.Command{
		Use:   "force",
		Short: "Give up a majority that is lost for ever",
		Long: forceRisk + `

Asks for the cluster's id to be typed. The lost stay members that do not vote: replace or
remove them next. The force is refused while a majority answers, and shown in henge status
ever after.`,
		Example: `  henge layout force --lost n2,n3
  henge layout stage replace n2 n4 --expel`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.layoutForced(cmd.Context(), &f) },
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&f.lost, "lost", nil, "the members that are lost, by name or id")
	flags.StringVar(&f.yes, "yes-i-lost", "", "do not ask: the id of the cluster")
	return cmd
}

// layoutForced gives up the lost, once a person has named the cluster.
func (a *app) layoutForced(ctx context.Context, f *forceFlags) error {
	if len(f.lost) == 0 {
		return usage("layout force wants --lost and the members that are")
	}
	if a.format == output.JSON && f.yes == "" {
		return usage("layout force asks before it begins: with --output json say --yes-i-lost and the cluster's id")
	}
	c, err := f.connect()
	if err != nil {
		return err
	}
	if f.yes == "" {
		s, err := c.Status(ctx)
		if err != nil {
			return asRead(fmt.Errorf("status: %w", err))
		}
		if f.yes, err = a.askCluster(s.Cluster, f.lost); err != nil {
			return err
		}
	}
	if err := c.ForceLayout(ctx, f.lost, f.yes); err != nil {
		return fmt.Errorf("layout force: %w", err)
	}
	return a.decided("forced: " + strings.Join(f.lost, ", ") + " vote no more; replace or remove them with henge layout stage, and never force the other side too")
}

// askCluster says what is risked, and returns the cluster's id once it has been typed.
func (a *app) askCluster(cluster string, lost []string) (string, error) {
	if _, err := fmt.Fprintf(a.std.err, "%s\n\nto give up %s, type the id of the cluster, %s: ", forceRisk, strings.Join(lost, ", "), cluster); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(io.LimitReader(a.std.in, 1<<10)).ReadString('\n')
	if typed := strings.TrimSpace(answer); typed != "" && typed == cluster {
		return typed, nil
	}
	if err != nil {
		a.tell("") // the question's line has no end
	}
	return "", exit.With(exit.Failure, fmt.Errorf("nothing was done: the answer was not the cluster's id"))
}
