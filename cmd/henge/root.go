package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/hengedb/henge/cmd/henge/internal/config"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
)

// app is one run of the command.
type app struct {
	std     streams
	environ []string
	format  output.Format
	begun   bool // the command line was understood: errors are no longer about usage
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, std streams, environ []string) exit.Code {
	a := &app{std: std, environ: environ, format: output.Human}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exit.OK
	}
	if !a.begun {
		err = exit.With(exit.Usage, err)
	}
	if exit.Of(err) == exit.Usage && !a.begun {
		err = exit.With(exit.Usage, fmt.Errorf("%w (henge --help says more)", err))
	}
	err = reworded(err)
	if werr := output.Fail(std.err, a.format, err); werr != nil {
		return exit.Failure
	}
	return exit.Of(err)
}

// root puts the commands together.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "henge",
		Short: "A key-value store that stays up when a node falls",
		Long: `Henge is a ring of stones that stays up when one falls: an always-writable,
leaderless key-value store. "henge dev" starts a cluster on this machine and says
what to try.

Every flag can also be set as HENGE_NAME in the environment (--log-level as
HENGE_LOG_LEVEL) and as name: value in the YAML file that --config names; the
command line wins over the environment, and that over the file.

Exit codes:
` + exit.Help(),
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: a.begin,
	}
	root.SetIn(a.std.in)
	root.SetOut(a.std.out)
	root.SetErr(a.std.err)
	flags := root.PersistentFlags()
	flags.VarP(&a.format, "output", "o", "how results are printed: human or json")
	flags.String(config.FileFlag, "", "read settings from this YAML file")
	complete(root, "output", output.Formats()...)
	group(root, "Run nodes:", "run", a.devCommand(), a.serveCommand())
	group(root, "Use a cluster:", "use", a.putCommand(), a.getCommand(), a.deleteCommand(), a.keysCommand(), a.explainCommand(), a.statusCommand())
	group(root, "Set it up:", "setup", a.layoutCommand(), a.bucketCommand(), a.settingsCommand(), a.verifyCommand(), a.salvageCommand(), a.governorCommand())
	group(root, "Move and measure:", "move", a.importCommand(), a.exportCommand(), a.benchCommand())
	root.AddCommand(a.versionCommand(), exitCodes())
	refuseUnknown(root)
	return root
}

// refuseUnknown has cobra's own commands refuse what they do not know: as they are, they
// print help and succeed.
func refuseUnknown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			help := c.Run
			c.Run = nil
			c.RunE = func(cmd *cobra.Command, args []string) error {
				if found, rest, err := root.Find(args); err != nil || len(rest) > 0 && found.HasSubCommands() {
					return usage("help: there is no command %q", strings.Join(args, " "))
				}
				help(cmd, args)
				return nil
			}
		case "completion":
			c.Args = cobra.ArbitraryArgs
			c.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return usage("completion: %q is not one of bash, zsh, fish and powershell", args[0])
				}
				return cmd.Help()
			}
		}
	}
}

// group adds commands under a title of the help text.
func group(root *cobra.Command, title, id string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// begin fills the flags from environment and file. It runs before every command,
// after its flags and arguments were accepted.
func (a *app) begin(cmd *cobra.Command, _ []string) error {
	if err := config.Apply(cmd.Flags(), a.environ); err != nil {
		return err
	}
	a.begun = true
	return nil
}

// printer prints results to standard output.
func (a *app) printer() output.Printer {
	return output.Printer{Out: a.std.out, Format: a.format, Terminal: isTerminal(a.std.out)}
}

// tell writes one line to standard error. A failure is not worth more than the
// line was: nobody reads there.
func (a *app) tell(format string, args ...any) {
	fmt.Fprintf(a.std.err, format+"\n", args...) //nolint:errcheck // see above
}

// isTerminal reports whether w is a person's.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) //nolint:gosec // a descriptor fits
}

// usage makes an error about the command line.
func usage(format string, args ...any) error {
	return exit.With(exit.Usage, fmt.Errorf(format, args...))
}

// complete gives a flag's values to the shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic("complete: " + err.Error()) // a flag that does not exist: seen by the first test
	}
}

// exitCodes is a help topic.
func exitCodes() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: "Exit codes:\n" + exit.Help()}
}

// keyAndMore takes a key, and at most one argument after it.
func keyAndMore(cmd *cobra.Command, args []string) error {
	if len(args) == 1 || len(args) == 2 {
		return nil
	}
	return fmt.Errorf("%s takes a key and a value; %d arguments are given", cmd.CommandPath(), len(args))
}

// nothing takes no arguments. Cobra's own check calls the first one a command.
func nothing(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no arguments, and %q is given", cmd.CommandPath(), args[0])
}

// arguments names what a command takes, for its error message.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return fmt.Errorf("%s takes %s; %d arguments are given", cmd.CommandPath(), strings.Join(names, " and "), len(args))
	}
}
