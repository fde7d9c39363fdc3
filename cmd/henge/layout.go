package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
)

func (a *app) layoutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "layout",
		Short: "Add, remove, replace and weigh nodes: staged, planned, applied",
		Long: `A change of who holds what is staged step by step, shown as a plan, and then applied. The
cluster goes on taking reads and writes while it is under way. A member goes in one of two
ways: it leaves, and hands over everything first; or, being dead, it is expelled, and its
id is refused for ever.`,
		Example: `  henge layout stage add n4
  henge layout plan
  henge layout apply --wait`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.layoutShow(), a.layoutStage(), a.layoutPlan(), a.layoutApply(), a.layoutWaitCommand(), a.layoutAmend(), a.layoutForce(),
		a.layoutVerb("unstage", "Forget all staged steps", "the staged steps are forgotten", (*client.Client).Unstage),
		a.layoutVerb("pause", "Hold the change in flight where it is", "the change is paused: requests are served as before; henge layout resume goes on", (*client.Client).PauseChange),
		a.layoutVerb("resume", "Let a paused change go on", "the change goes on", (*client.Client).ResumeChange),
		a.layoutVerb("revert", "Go back to what served before the change in flight", "the change goes back to what served before it", (*client.Client).RevertChange),
	)
	return cmd
}

// layoutVerb is a command that asks for one thing and says that it is decided.
func (a *app) layoutVerb(name, short, done string, do func(*client.Client, context.Context) error) *cobra.Command {
	var f target
	cmd := &cobra.Command{
		Use: name, Short: short, Example: "  henge layout " + name, Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			if err := do(c, cmd.Context()); err != nil {
				return fmt.Errorf("layout %s: %w", name, err)
			}
			return a.decided(done)
		},
	}
	f.add(cmd)
	return cmd
}

// decided says what is so now.
func (a *app) decided(text string) error {
	return a.printer().Result(map[string]string{"decided": text}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, text)
		return err
	})
}

func (a *app) layoutShow() *cobra.Command {
	var f target
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show who holds how much, what is staged and what is in flight",
		Long: `Shows who holds how much, what is staged, and, of a change in flight, how far each node is,
what the change waits for, and which nodes must not be switched off yet. The node that is
asked asks all members, so that it takes a second where some do not answer.`,
		Example: `  henge layout show`,
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			layout, err := c.LayoutProgress(cmd.Context())
			if err != nil {
				return asRead(fmt.Errorf("layout: %w", err))
			}
			return a.printer().Result(layout, func(w io.Writer) error { return output.Layout(w, layout) })
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) layoutPlan() *cobra.Command {
	var f target
	cmd := &cobra.Command{
		Use:     "plan",
		Short:   "Show what the staged steps would do",
		Example: `  henge layout plan`,
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			plan, err := c.Plan(cmd.Context())
			if err != nil {
				return asRead(fmt.Errorf("layout plan: %w", err))
			}
			return a.printer().Result(plan, func(w io.Writer) error { return output.Plan(w, plan) })
		},
	}
	f.add(cmd)
	return cmd
}

// applyFlags are the flags of layout apply.
type applyFlags struct {
	target
	plan      string
	wait, yes bool
}

func (a *app) layoutApply() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Do what the plan of the staged steps tells",
		Long: `Shows the plan, asks, and begins the change. --plan names a plan that was shown before: when
other steps are staged by now, nothing is done. --wait shows how far the change is until it
is complete; ending the command does not end the change.`,
		Example: `  henge layout apply --wait
  henge layout apply --plan 5f2c --yes`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.layoutDo(cmd.Context(), &f) },
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.plan, "plan", "", "the hash of the plan that is meant")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.wait, "wait", false, "wait until the change is complete, and show how far it is")
	return cmd
}

// layoutDo applies the plan, once a person has agreed.
func (a *app) layoutDo(ctx context.Context, f *applyFlags) error {
	if a.format == output.JSON && !f.yes {
		return usage("layout apply asks before it begins: with --output json say --yes")
	}
	c, err := f.connect()
	if err != nil {
		return err
	}
	plan, err := c.Plan(ctx)
	if err != nil {
		return asRead(fmt.Errorf("layout plan: %w", err))
	}
	hash := plan.Hash
	if f.plan != "" {
		hash = f.plan
	}
	if hash == plan.Hash && a.format != output.JSON {
		if err := output.Plan(a.std.out, plan); err != nil {
			return err
		}
	}
	if hash == plan.Hash && len(plan.Refusals) > 0 {
		return fmt.Errorf("layout apply: %w: %s", request.ErrUnsafe, strings.Join(plan.Refusals, "; "))
	}
	if !f.yes {
		if err := a.agree("apply this plan?"); err != nil {
			return err
		}
	}
	if err := c.Apply(ctx, hash); err != nil {
		return fmt.Errorf("layout apply: %w", err)
	}
	if f.wait {
		_, done, err := a.layoutWait(ctx, c, plan.Document.Version, plan.Steps)
		if err != nil {
			return err
		}
		return a.decided(done)
	}
	return a.decided("the change has begun: henge layout wait shows how far it is; switch off no node before it is complete")
}

// agree asks a person. Anything but yes is no.
func (a *app) agree(question string) error {
	if _, err := fmt.Fprintf(a.std.err, "%s [y/N] ", question); err != nil {
		return err
	}
	answer, err := bufio.NewReader(io.LimitReader(a.std.in, 1<<10)).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	if err != nil {
		a.tell("") // the question's line has no end
	}
	return exit.With(exit.Failure, fmt.Errorf("nothing was done: the answer was not yes"))
}

// completeNode completes arguments with the names of members.
func (t *target) completeNode(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return t.completeStatus(cmd, func(s request.Status) []string {
		var names []string
		for _, m := range s.Members {
			names = append(names, m.Name)
		}
		return names
	})
}
