package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/cmd/henge/internal/dev"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

func (a *app) devAdd() *cobra.Command {
	var basePort int
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Start one node more in the running local cluster",
		Long: `Has the running henge dev start one node more. It finds the others and becomes a member by
itself, for the setting auto_join is on in a local cluster; henge layout show tells how far
the change is.`,
		Example: `  henge dev add`,
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := dev.Grow(cmd.Context(), basePort)
			if err != nil {
				return fmt.Errorf("dev add: %w", err)
			}
			return a.printer().Result(n, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s (pid %d) serves at %s, with its data in %s\nhenge layout show --url %s tells when it holds its share\n", n.Name, n.PID, n.URL, n.Data, n.URL)
				return err
			})
		},
	}
	cmd.Flags().IntVar(&basePort, "base-port", devBasePort, "the running cluster's")
	return cmd
}

func (a *app) devRemove() *cobra.Command {
	var basePort int
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Have a node of the running local cluster leave, and stop it",
		Long: `Stages and applies that the node leaves, waits until it has handed over everything, and has
the running henge dev stop it. Then its directory may be deleted.`,
		Example: `  henge dev remove n4`,
		Args:    arguments("a node's name"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []string
			if nodes, err := dev.List(cmd.Context(), basePort); err == nil && len(args) == 0 {
				for _, n := range nodes {
					names = append(names, n.Name)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.devShrink(cmd.Context(), basePort, args[0]) },
	}
	cmd.Flags().IntVar(&basePort, "base-port", devBasePort, "the running cluster's")
	return cmd
}

// devShrink has a node leave, and then stopped.
func (a *app) devShrink(ctx context.Context, basePort int, name string) error {
	nodes, err := dev.List(ctx, basePort)
	if err != nil {
		return fmt.Errorf("dev remove: %w", err)
	}
	var t target
	var leaver *dev.NodeInfo
	for _, n := range nodes {
		if n.Name == name {
			leaver = &n
			continue
		}
		t.urls = append(t.urls, n.URL)
	}
	switch {
	case leaver == nil:
		return usage("dev remove: there is no node %q in this cluster", name)
	case t.urls == nil:
		return usage("dev remove: %s is the only node: who should take what it holds?", name)
	}
	c, err := t.connect()
	if err != nil {
		return err
	}
	if err := a.leave(ctx, c, name); err != nil {
		return fmt.Errorf("dev remove %s: %w", name, err)
	}
	if _, err := dev.Shrink(ctx, basePort, name); err != nil {
		return fmt.Errorf("dev remove %s: it has left, and could not be stopped: %w", name, err)
	}
	return a.decided(fmt.Sprintf("%s has left and is stopped; its directory may be deleted: %s", name, strings.TrimSuffix(leaver.Data, "data")))
}

// leave stages and applies that a node leaves, and waits for it.
func (a *app) leave(ctx context.Context, c *client.Client, name string) error {
	layout, err := c.Layout(ctx)
	if err != nil {
		return err
	}
	if len(layout.Staged) > 0 {
		return fmt.Errorf("%w: other steps are staged: henge layout apply or unstage them first", request.ErrChanging)
	}
	if err := c.Stage(ctx, []request.LayoutStep{{Verb: ring.VerbRemove, Node: name}}); err != nil {
		return err
	}
	plan, err := c.Plan(ctx)
	if err == nil && a.format != output.JSON {
		err = output.Plan(a.std.out, plan)
	}
	if err == nil {
		err = c.Apply(ctx, plan.Hash)
	}
	if err != nil {
		return fmt.Errorf("%w (henge layout unstage forgets the staged step)", err)
	}
	_, _, err = a.layoutWait(ctx, c, plan.Document.Version, plan.Steps)
	return err
}
