package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
)

// salvageFlags are the flags of salvage's verbs.
type salvageFlags struct {
	target
	set    uint32
	bucket string
	prefix string
	yes    bool
}

func (a *app) salvageCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "salvage",
		Short: "See and write back what a node has set aside",
		Long: `A node whose disk was put back to an older copy counts as down for the partitions in which
something was removed for good since: what it holds of them is set aside, and they are filled
again from the other replicas. What was set aside stays on that node until it is discarded.
Each verb is for the node at --url alone.`,
		Example: `  henge salvage list --url http://127.0.0.1:7430
  henge salvage restore --bucket carts
  henge salvage discard --set 3`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.salvageList(), a.salvageRestore(), a.salvageDiscard(), a.salvageOpen())
	return cmd
}

// choose adds the flags that choose what is looked at.
func (f *salvageFlags) choose(cmd *cobra.Command) {
	f.add(cmd)
	flags := cmd.Flags()
	flags.Uint32Var(&f.set, "set", 0, "this set alone (default: all that are complete)")
	flags.StringVarP(&f.bucket, "bucket", "b", "", "this bucket alone (default: every bucket)")
	flags.StringVar(&f.prefix, "prefix", "", "only keys that begin so")
}

func (a *app) salvageList() *cobra.Command {
	var f salvageFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what is set aside, and what of it the replicas lack",
		Long: `Compares each value that was set aside with what a quorum of its replicas holds, at the pace
of transfer_mibps. A value is lacking when they have neither it nor a write that saw it. One
that was deleted, and forgotten since, is listed too: nobody can tell it from one that only
this node ever had.`,
		Example: "  henge salvage list\n  henge salvage list --set 2 --output json",
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.salvage(cmd.Context(), &f, (*client.Client).Lacking, "lack")
		},
	}
	f.choose(cmd)
	return cmd
}

func (a *app) salvageRestore() *cobra.Command {
	var f salvageFlags
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Write back what the replicas lack",
		Long: fmt.Sprintf(`Puts each lacking value anew, beside what is there: nothing is replaced, and doing it again
changes nothing. What was deleted and forgotten since comes back too: see salvage list first,
and choose with --bucket and --prefix. The sets stay until they are discarded.

The exit code is %d when some value could not be compared or written.`, exit.Incomplete),
		Example: "  henge salvage restore\n  henge salvage restore --bucket carts --prefix user-",
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.salvage(cmd.Context(), &f, (*client.Client).RestoreSet, "restored")
		},
	}
	f.choose(cmd)
	return cmd
}

func (a *app) salvageDiscard() *cobra.Command {
	var f salvageFlags
	cmd := &cobra.Command{
		Use:     "discard --set N",
		Short:   "Forget a set for ever",
		Example: "  henge salvage discard --set 3",
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.set == 0 {
				return usage("salvage discard wants --set and the number of one: see henge salvage list")
			}
			c, err := f.connectOne()
			if err == nil {
				err = a.sure(f.yes, fmt.Sprintf("what is kept in set %d is lost for ever, lacking or not", f.set), "discard")
			}
			if err != nil {
				return err
			}
			if err := c.DiscardSet(cmd.Context(), f.set); err != nil {
				return fmt.Errorf("salvage discard: %w", err)
			}
			return a.decided(fmt.Sprintf("discarded: set %d", f.set))
		},
	}
	f.add(cmd)
	cmd.Flags().Uint32Var(&f.set, "set", 0, "the set")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) salvageOpen() *cobra.Command {
	var f salvageFlags
	cmd := &cobra.Command{
		Use:   "open",
		Short: "Serve partitions that nobody is left to fill",
		Long: `For partitions whose other replicas are gone for ever: the node at --url serves them as far
as they are filled, which may be not at all. What only the others had is lost; what this node
has set aside can be restored then.`,
		Example: "  henge salvage open",
		Args:    nothing,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.salvageOpened(cmd.Context(), &f) },
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	return cmd
}

// salvageOpened opens all partitions that wait in vain.
func (a *app) salvageOpened(ctx context.Context, f *salvageFlags) error {
	c, err := f.connectOne()
	if err != nil {
		return err
	}
	list, err := c.Salvage(ctx)
	if err != nil {
		return asRead(fmt.Errorf("salvage: %w", err))
	}
	var alone []request.FencedPartition
	for _, p := range list.Fenced {
		if p.Alone {
			alone = append(alone, p)
		}
	}
	if len(alone) == 0 {
		return exit.With(exit.Failure, errors.New("no partition of this node waits in vain for another replica"))
	}
	if err := a.sure(f.yes, fmt.Sprintf("what only the other replicas of %d partitions had is lost then", len(alone)), "open"); err != nil {
		return err
	}
	for _, p := range alone {
		if err := c.OpenFenced(ctx, p.Partition); err != nil {
			return fmt.Errorf("salvage open: partition %d: %w", p.Partition, err)
		}
	}
	return a.decided(fmt.Sprintf("opened: %d partitions; henge salvage restore writes back what was set aside", len(alone)))
}

// sure asks a person to type a word before something is done that cannot be undone.
func (a *app) sure(yes bool, risk, word string) error {
	if yes {
		return nil
	}
	if a.format == output.JSON {
		return usage("salvage %s asks before it begins: with --output json say --yes", word)
	}
	if _, err := fmt.Fprintf(a.std.err, "%s; to go on, type %s: ", risk, word); err != nil {
		return err
	}
	answer, err := bufio.NewReader(io.LimitReader(a.std.in, 1<<10)).ReadString('\n')
	if strings.TrimSpace(answer) == word {
		return nil
	}
	if err != nil {
		a.tell("") // the question's line has no end
	}
	return exit.With(exit.Failure, fmt.Errorf("nothing was done: the answer was not %s", word))
}

// salvaged is what a run of list or restore found.
type salvaged struct {
	Sets     []request.SalvageSet      `json:"sets"`
	Fenced   []request.FencedPartition `json:"fenced,omitempty"`
	Looked   int64                     `json:"looked"`
	Lacking  []wire.LackingValue       `json:"lacking"`
	Restored int64                     `json:"restored"`

	mu   sync.Mutex
	verb string // of what is counted last
}

// salvage looks through sets, and does with what is lacking as look does.
func (a *app) salvage(ctx context.Context, f *salvageFlags, look func(*client.Client, context.Context, request.SalvageOptions) (request.Salvaged, error), verb string) error {
	c, err := f.connectOne()
	if err != nil {
		return err
	}
	list, err := c.Salvage(ctx)
	if err != nil {
		return asRead(fmt.Errorf("salvage: %w", err))
	}
	found := &salvaged{Sets: list.Sets, Fenced: list.Fenced, Lacking: []wire.LackingValue{}, verb: verb}
	stop := every(lineEvery, func() { a.tell("salvage: %s", found.words()) })
	known := false
	for _, set := range list.Sets {
		if f.set != 0 && set.Set != f.set || f.set == 0 && !set.Complete {
			continue
		}
		known = true
		if err = found.through(ctx, c, f, set.Set, look); err != nil {
			break
		}
	}
	stop()
	switch {
	case err != nil:
		return fmt.Errorf("salvage: %w", err)
	case f.set != 0 && !known:
		return usage("--set %d: there is none", f.set)
	}
	if err := a.printer().Result(found, found.print); err != nil {
		return err
	}
	return found.verdict()
}

// through looks through one set to its end.
func (s *salvaged) through(ctx context.Context, c *client.Client, f *salvageFlags, set uint32, look func(*client.Client, context.Context, request.SalvageOptions) (request.Salvaged, error)) error {
	for o := (request.SalvageOptions{Set: set, Bucket: f.bucket, Prefix: f.prefix}); ; {
		part, err := look(c, ctx, o)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.Looked, s.Restored = s.Looked+part.Looked, s.Restored+part.Restored
		s.Lacking = append(s.Lacking, wire.SalvagedOf(part).Lacking...)
		s.mu.Unlock()
		if o.After = part.Next; o.After == "" {
			return nil
		}
	}
}

// words is what was found so far.
func (s *salvaged) words() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verb == "restored" {
		return fmt.Sprintf("%d keys compared, %d values restored", s.Looked, s.Restored)
	}
	return fmt.Sprintf("%d keys compared, %d values are lacking", s.Looked, len(s.Lacking))
}

// print writes the sets, and what of them is lacking.
func (s *salvaged) print(w io.Writer) error {
	rows := [][]string{{"SET", "PARTITION", "SINCE", "OBJECTS", "HINTS", "BYTES", "STATE"}}
	for _, set := range s.Sets {
		state := "complete"
		if !set.Complete {
			state = "its partition is being filled"
		}
		rows = append(rows, []string{
			fmt.Sprint(set.Set), fmt.Sprint(set.Partition), set.Since.UTC().Format("2006-01-02 15:04:05Z"),
			fmt.Sprint(set.Objects), fmt.Sprint(set.Hints), fmt.Sprint(set.Bytes), state,
		})
	}
	if err := output.Table(w, rows); err != nil {
		return err
	}
	var lines []string
	for _, p := range s.Fenced {
		line := fmt.Sprintf("partition %d is fenced: %s, %d set aside, %d refilled", p.Partition, p.Step, p.Aside, p.Refilled)
		if p.Waits != "" {
			line += "; it waits: " + p.Waits
		}
		lines = append(lines, line)
	}
	for i, v := range s.Lacking {
		if i == namedLosses {
			lines = append(lines, fmt.Sprintf("and %d more (--output json has them all)", len(s.Lacking)-i))
			break
		}
		line := fmt.Sprintf("%s in %s: %d bytes of %s", output.Key(v.String()), v.Bucket, v.Size, v.Modified.UTC().Format("2006-01-02 15:04:05Z"))
		switch {
		case v.Error != "":
			line += ": " + v.Error
		case v.Restored:
			line += ": restored"
		}
		lines = append(lines, line)
	}
	for _, line := range append(lines, s.words()) {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// verdict is the exit code, with the reason.
func (s *salvaged) verdict() error {
	failed := 0
	first := ""
	for _, v := range s.Lacking {
		if v.Error != "" {
			if failed++; first == "" {
				first = v.Error
			}
		}
	}
	if failed > 0 {
		return exit.With(exit.Incomplete, fmt.Errorf("%d values could not be compared or restored: %s", failed, first))
	}
	return nil
}
