package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/ring"
)

func (a *app) bucketCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bucket",
		Short: "Make buckets and their rules, change and show them",
		Long: `A bucket is a namespace of keys with rules of its own: its policy says what becomes of
concurrent writes (siblings: all are kept until somebody merges them; lww: the last one
stands) and holds for the bucket's life. Owner, r, w, strict, sync, require-context and ttl
can be changed at any time.`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.bucketCreate(), a.bucketSet(), a.bucketShow(), a.bucketList(), a.bucketDrop())
	return cmd
}

// subcommand refuses what names none of a command's own commands.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0])
}

// bucketRules are the flags of a bucket's properties.
type bucketRules struct {
	target
	owner, r, w                  string
	strict, sync, requireContext bool
	policy, ttl                  string
}

// rules adds the flags that may be changed.
func (f *bucketRules) rules(cmd *cobra.Command) {
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.owner, "owner", "", "who answers for the bucket")
	flags.StringVar(&f.r, "r", "default", "how many replicas a read rests on: one, quorum, all, a number, or default: the cluster's")
	flags.StringVar(&f.w, "w", "default", "how many nodes must hold a write, as --r")
	flags.BoolVar(&f.strict, "strict", false, "only a key's own replicas count, no node standing in for one")
	flags.BoolVar(&f.sync, "sync", true, "acknowledge only what is on disk")
	flags.BoolVar(&f.requireContext, "require-context", false, "refuse puts that do not carry the context of a read")
	flags.StringVar(&f.ttl, "ttl", "none", "how long a value is shown whose put says nothing else, as 90s or 720h, or none: for ever")
	complete(cmd, "r", "default", "one", "quorum", "all")
	complete(cmd, "w", "default", "one", "quorum", "all")
}

// change is what the flags that were given ask for.
func (f *bucketRules) change(cmd *cobra.Command) client.BucketChange {
	var c client.BucketChange
	given := cmd.Flags().Changed
	take(given("policy"), &c.Policy, &f.policy)
	take(given("owner"), &c.Owner, &f.owner)
	take(given("r"), &c.R, &f.r)
	take(given("w"), &c.W, &f.w)
	take(given("strict"), &c.Strict, &f.strict)
	take(given("sync"), &c.Sync, &f.sync)
	take(given("ttl"), &c.TTL, &f.ttl)
	take(given("require-context"), &c.RequireContext, &f.requireContext)
	return c
}

// take enters a flag that was given.
func take[T any](given bool, to **T, value *T) {
	if given {
		*to = value
	}
}

func (a *app) bucketCreate() *cobra.Command {
	var f bucketRules
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a bucket",
		Long: `Makes a bucket, by decision of the cluster's voters. Making one that is there with the same
rules is no error; one with other rules is refused.`,
		Example: `  henge bucket create carts --owner shop
  henge bucket create views --policy lww --w one --sync=false`,
		Args: arguments("a bucket's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			b, err := c.CreateBucket(cmd.Context(), args[0], f.change(cmd))
			if err != nil {
				return failed("bucket create", args[0], err)
			}
			return a.showBucket(b)
		},
	}
	f.rules(cmd)
	cmd.Flags().StringVar(&f.policy, "policy", ring.PolicySiblings, "what becomes of concurrent writes, for the bucket's life: siblings or lww")
	complete(cmd, "policy", ring.PolicySiblings, ring.PolicyLWW)
	return cmd
}

func (a *app) bucketSet() *cobra.Command {
	var f bucketRules
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a bucket's rules",
		Long: `Changes the rules that are given and leaves the others, by decision of the cluster's voters.
The policy cannot be changed: every object of the bucket is joined by it.`,
		Example:           `  henge bucket set carts --owner till --require-context`,
		Args:              arguments("a bucket's name"),
		ValidArgsFunction: f.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			change := f.change(cmd)
			if change == (client.BucketChange{}) {
				return usage("bucket set: nothing to change is given; see henge bucket set --help")
			}
			c, err := f.connect()
			if err != nil {
				return err
			}
			b, err := c.SetBucket(cmd.Context(), args[0], change)
			if err != nil {
				return failed("bucket set", args[0], err)
			}
			return a.showBucket(b)
		},
	}
	f.rules(cmd)
	return cmd
}

func (a *app) bucketShow() *cobra.Command {
	var f target
	cmd := &cobra.Command{
		Use:               "show NAME",
		Short:             "Show a bucket's rules",
		Example:           `  henge bucket show carts --output json`,
		Args:              arguments("a bucket's name"),
		ValidArgsFunction: f.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			b, err := c.BucketProperties(cmd.Context(), args[0])
			if err != nil {
				return asRead(failed("bucket show", args[0], err))
			}
			return a.showBucket(b)
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) bucketList() *cobra.Command {
	var f target
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the buckets with their rules",
		Example: `  henge bucket list`,
		Aliases: []string{"ls"},
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.connect()
			if err != nil {
				return err
			}
			all, err := c.Buckets(cmd.Context())
			if err != nil {
				return asRead(fmt.Errorf("bucket list: %w", err))
			}
			return a.printer().Result(map[string]any{"buckets": all}, func(w io.Writer) error { return output.Buckets(w, all) })
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) bucketDrop() *cobra.Command {
	var f target
	var yes bool
	cmd := &cobra.Command{
		Use:   "drop NAME",
		Short: "Drop a bucket with all that is in it",
		Long: `Drops a bucket with every key in it, by decision of the cluster's voters. It is gone at
once on every node that hears of it, and one that was away brings nothing back; what is
stored is removed behind, without hurry. A bucket made again under the name is empty.
The bucket default is always there: it is made anew, with the rules it has. With the
setting auto_buckets, the next put makes the bucket anew too.`,
		Example: `  henge bucket drop carts
  henge bucket drop carts --yes`,
		Args:              arguments("a bucket's name"),
		ValidArgsFunction: f.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.format == output.JSON && !yes {
				return usage("bucket drop asks before it begins: with --output json say --yes")
			}
			c, err := f.connect()
			if err != nil {
				return err
			}
			b, err := c.BucketProperties(cmd.Context(), args[0])
			if err != nil {
				return asRead(failed("bucket drop", args[0], err))
			}
			if !yes {
				if err := a.agree(fmt.Sprintf("drop the bucket %s (owner %s) with all that is in it?", b.Name, cmp.Or(b.Owner, "nobody"))); err != nil {
					return err
				}
			}
			if err := c.DropBucket(cmd.Context(), args[0]); err != nil {
				return failed("bucket drop", args[0], err)
			}
			return a.printer().Result(map[string]any{"dropped": b.Name, "generation": b.Generation}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "dropped %s; what it stored is removed behind\n", b.Name)
				return err
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (a *app) showBucket(b client.BucketProperties) error {
	return a.printer().Result(b, func(w io.Writer) error { return output.Buckets(w, []client.BucketProperties{b}) })
}

// completeName completes the one argument of a command with the names of buckets.
func (t *target) completeName(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return t.completeBuckets(cmd)
}
