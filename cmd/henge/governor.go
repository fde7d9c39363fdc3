package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
)

func (a *app) governorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "governor",
		Short: "See, pause and bound one node's background work",
		Long: `A node's background work (hints, exchange, transfers, rebuilds, reaping) shares one budget,
the setting transfer_mibps, and yields by itself while requests are slower than usual. What
is set here holds at once, for the node at --url alone, and until that is started anew.`,
		Example: `  henge governor show
  henge governor pause transfers --url http://127.0.0.1:7430
  henge governor set --mibps 16`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.governorShow(), a.governorSet(),
		a.governorHold("pause", "Hold a class of background work, or all of it", func(g *request.Govern) *[]string { return &g.Pause }),
		a.governorHold("resume", "Let a class of background work go on, or all of it", func(g *request.Govern) *[]string { return &g.Resume }),
	)
	return cmd
}

// connectOne makes a client of the nodes that the URLs name, and no other.
func (t *target) connectOne() (*client.Client, error) {
	c, err := client.New(client.Options{URLs: t.urls, Pinned: true})
	return c, exit.With(exit.Usage, err)
}

func (a *app) governorShow() *cobra.Command {
	var f target
	cmd := &cobra.Command{
		Use: "show", Short: "Show how the budget of background work stands", Example: "  henge governor show", Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connectOne()
			if err != nil {
				return err
			}
			g, err := c.Governor(cmd.Context())
			if err != nil {
				return asRead(fmt.Errorf("governor: %w", err))
			}
			return a.showGovernor(g)
		},
	}
	f.add(cmd)
	return cmd
}

// governorHold is pause or resume.
func (a *app) governorHold(verb, short string, list func(*request.Govern) *[]string) *cobra.Command {
	var f target
	cmd := &cobra.Command{
		Use: verb + " [CLASS...]", Short: short,
		Example: "  henge governor " + verb + " transfers\n  henge governor " + verb,
		Args:    cobra.ArbitraryArgs,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return request.WorkClasses(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var change request.Govern
			if len(args) == 0 {
				args = request.WorkClasses()
			}
			*list(&change) = args
			return a.govern(cmd, &f, change)
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) governorSet() *cobra.Command {
	var f target
	var mibps int
	cmd := &cobra.Command{
		Use: "set --mibps N", Short: "Bound one node's background work",
		Example: "  henge governor set --mibps 16\n  henge governor set --mibps 0",
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("mibps") || mibps < 0 {
				return usage("governor set: --mibps takes a number of 0 or more")
			}
			return a.govern(cmd, &f, request.Govern{MiBps: &mibps})
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&mibps, "mibps", 0, "MiB a second, uncut; 0 is the cluster's setting transfer_mibps")
	return cmd
}

func (a *app) govern(cmd *cobra.Command, f *target, change request.Govern) error {
	c, err := f.connectOne()
	if err != nil {
		return err
	}
	g, err := c.Govern(cmd.Context(), change)
	if err != nil {
		return fmt.Errorf("governor: %w", err)
	}
	return a.showGovernor(g)
}

func (a *app) showGovernor(g request.Governor) error {
	return a.printer().Result(g, func(w io.Writer) error {
		of := "the cluster's setting"
		if g.Own {
			of = "set on this node"
		}
		if _, err := fmt.Fprintf(w, "budget %.1f MiB/s: %.3f of %.0f MiB/s, %s\n", g.Factor*g.MiBps, g.Factor, g.MiBps, of); err != nil {
			return err
		}
		for _, r := range g.Requests {
			if _, err := fmt.Fprintf(w, "p99 of a %s: %v, usually %v\n", r.Verb, r.Recent.Round(10*time.Microsecond), r.Normal.Round(10*time.Microsecond)); err != nil {
				return err
			}
		}
		rows := [][]string{{"CLASS", "MOVED", "WAITS", "STATE"}}
		for _, c := range g.Classes {
			state := "runs"
			if c.Paused {
				state = "paused"
			}
			rows = append(rows, []string{c.Class, request.Size(c.Bytes).String(), fmt.Sprint(c.Waits), state})
		}
		return output.Table(w, rows)
	})
}
