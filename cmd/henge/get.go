package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/cmd/henge/internal/records"
	"github.com/hengedb/henge/replication/request"
)

// getFlags are the flags of get.
type getFlags struct {
	bucketTarget
	knobs
	sibling string
	all     bool
}

func (a *app) getCommand() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Write a key's value to standard output",
		Long: fmt.Sprintf(`Writes the value to standard output, byte for byte (a terminal gets a newline
after it). A key with siblings, values written concurrently that nobody has merged,
is listed on standard error with exit code %d; --sibling picks one, --all writes all
as JSON lines. With --output json, values, context and ETag come as one document.`, exit.Conflict),
		Args: arguments("a key"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.get(cmd, &f, args[0]) },
	}
	f.add(cmd)
	f.addRead(cmd)
	cmd.Flags().StringVar(&f.sibling, "sibling", "", "write the sibling with this id")
	cmd.Flags().BoolVar(&f.all, "all", false, "write every sibling, one JSON line each")
	cmd.MarkFlagsMutuallyExclusive("sibling", "all")
	return cmd
}

// get reads one key.
func (a *app) get(cmd *cobra.Command, f *getFlags, key string) error {
	bucket, err := f.connectBucket()
	if err != nil {
		return err
	}
	value, err := bucket.Get(cmd.Context(), key, f.read())
	if err != nil {
		return asRead(failed("get", output.Key(key), err))
	}
	if f.sibling != "" {
		i := slices.IndexFunc(value.Siblings, func(s request.Sibling) bool { return s.ID == f.sibling })
		if i < 0 {
			return exit.With(exit.NotFound, fmt.Errorf("get %s: it has no sibling %q", output.Key(key), f.sibling))
		}
		value.Siblings = value.Siblings[i : i+1]
	}
	if f.all {
		for _, s := range value.Siblings {
			if err := records.Encode(a.std.out, records.SiblingOf(s)); err != nil {
				return err
			}
		}
		return nil
	}
	return a.show(f, key, value)
}

// show prints a read's result. Siblings are an answer and not a value: they leave
// standard output empty, so that a pipe gets nothing it would take for one.
func (a *app) show(f *getFlags, key string, value request.Value) error {
	data, single := value.Bytes()
	if a.format == output.JSON {
		if err := records.Encode(a.std.out, output.ValueOf(f.bucket, key, value)); err != nil {
			return err
		}
	} else if single {
		return a.raw(data)
	} else if err := output.Siblings(a.std.err, f.bucket, key, value); err != nil {
		return err
	}
	if single {
		return nil
	}
	return exit.With(exit.Conflict, fmt.Errorf("get %s: %d siblings", output.Key(key), len(value.Siblings)))
}

// raw writes a value as it is.
func (a *app) raw(data []byte) error {
	if _, err := a.std.out.Write(data); err != nil {
		return err
	}
	if !isTerminal(a.std.out) || bytes.HasSuffix(data, []byte("\n")) {
		return nil
	}
	_, err := io.WriteString(a.std.out, "\n")
	return err
}
