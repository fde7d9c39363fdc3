package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/output"
)

func (a *app) explainCommand() *cobra.Command {
	var f bucketTarget
	cmd := &cobra.Command{
		Use:   "explain KEY",
		Short: "Say why a key is what it is",
		Long: `Shows who should hold a key and who does: its preference list, what each node holds
of it with dots and stamps, hints kept for it, and what reads of one, two and more
replicas would find now.`,
		Args: arguments("a key"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			e, err := c.Explain(cmd.Context(), f.bucket, args[0])
			if err != nil {
				return asRead(failed("explain", output.Key(args[0]), err))
			}
			return a.printer().Result(e, func(w io.Writer) error { return output.Explanation(w, e) })
		},
	}
	f.add(cmd)
	return cmd
}
