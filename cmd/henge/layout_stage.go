package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

func (a *app) layoutStage() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stage",
		Short: "Stage a step of a change: add, remove, replace or set",
		Args:  subcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	add := &stageCommand{verb: ring.VerbAdd, use: "add NODE", short: "A node that has found the cluster becomes a member", args: []string{"a node's name or id"}, shapes: true}
	remove := &stageCommand{verb: ring.VerbRemove, use: "remove NODE", short: "A member goes: it leaves, or is expelled", args: []string{"a node's name or id"}, goes: true}
	replace := &stageCommand{verb: ring.VerbReplace, use: "replace NODE WITH", short: "A node takes what a member holds, which goes", args: []string{"a node's name or id", "that of the node that comes"}, goes: true, shapes: true}
	set := &stageCommand{verb: ring.VerbSet, use: "set NODE", short: "A member's weight or zone changes", args: []string{"a node's name or id"}, shapes: true}
	for _, s := range []*stageCommand{add, remove, replace, set} {
		cmd.AddCommand(s.command(a))
	}
	return cmd
}

// stageCommand is one verb of staging.
type stageCommand struct {
	target
	verb       ring.Verb
	use, short string
	args       []string
	goes       bool // --expel
	shapes     bool // --weight and --zone

	expel  bool
	weight int
	zone   string
}

func (s *stageCommand) command(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: s.use, Short: s.short, Args: arguments(s.args...), ValidArgsFunction: s.completeNode,
		Example: map[ring.Verb]string{
			ring.VerbAdd: "  henge layout stage add n4", ring.VerbRemove: "  henge layout stage remove n1 --expel",
			ring.VerbReplace: "  henge layout stage replace n1 n5", ring.VerbSet: "  henge layout stage set n2 --weight 200",
		}[s.verb],
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(a, cmd, args) },
	}
	s.add(cmd)
	if s.goes {
		cmd.Flags().BoolVar(&s.expel, "expel", false, "it is dead: do not wait for it to hand anything over, and refuse its id for ever")
	}
	if s.shapes {
		cmd.Flags().IntVar(&s.weight, "weight", 0, "its share of the partitions beside others': 1 to 1000, 100 is usual")
		cmd.Flags().StringVar(&s.zone, "zone", "", "what it may fail together with")
	}
	return cmd
}

func (s *stageCommand) run(a *app, cmd *cobra.Command, args []string) error {
	step := request.LayoutStep{Verb: s.verb, Node: args[0], Expel: s.expel, Weight: s.weight}
	if len(args) > 1 {
		step.With = args[1]
	}
	if s.shapes && cmd.Flags().Changed("weight") && (s.weight < 1 || s.weight > 1000) {
		return usage("--weight %d: want 1 to 1000", s.weight)
	}
	if s.shapes && cmd.Flags().Changed("zone") {
		step.Zone = &s.zone
	}
	if s.verb == ring.VerbSet && step.Weight == 0 && step.Zone == nil {
		return usage("layout stage set changes --weight or --zone; neither is given")
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	if err := c.Stage(cmd.Context(), []request.LayoutStep{step}); err != nil {
		return fmt.Errorf("layout stage %s %s: %w", s.verb, args[0], err)
	}
	return a.decided("staged; henge layout plan shows what it would do, henge layout apply does it")
}
