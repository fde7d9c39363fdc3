package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) layoutAmend() *cobra.Command {
	var f target
	var with string
	cmd := &cobra.Command{
		Use:   "amend NODE",
		Short: "Go on without a node that died for ever during the change",
		Long: `Has the change in flight go on without a member that died for ever: its id is refused for
ever, and what it was to hold goes to others, among them the newcomer --with. A newcomer
that serves nothing yet and is silent for five minutes (a setting) is amended away without
being asked for.`,
		Example: "  henge layout amend n5\n  henge layout amend n5 --with n6",
		Args:    arguments("the name or id of the node that died"), ValidArgsFunction: f.completeNode,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			if err := c.AmendChange(cmd.Context(), args[0], with); err != nil {
				return fmt.Errorf("layout amend %s: %w", args[0], err)
			}
			return a.decided("the change goes on without " + args[0])
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&with, "with", "", "the newcomer in its place, by name or id")
	return cmd
}
