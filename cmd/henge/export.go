package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/cmd/henge/internal/records"
	"github.com/hengedb/henge/replication/request"
)

func (a *app) exportCommand() *cobra.Command {
	var f scanFlags
	var out string
	cmd := &cobra.Command{
		Use:   "export --bucket BUCKET [--out FILE]",
		Short: "Write a bucket as NDJSON, each key once",
		Long: fmt.Sprintf(`Writes every key of a bucket with its value, one JSON object a line, in the order of
the ring. The value stands under json when it is compact JSON, under value when it
is text, under base64 otherwise; a key with siblings has them all under siblings.
"henge import --format export" reads it back.

At the end standard error says whether every key is there; when not, the exit code
is %d, and the cursor to go on with is given.`, exit.Incomplete),
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.export(cmd, &f, out) },
	}
	f.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "write to this file (default: standard output)")
	return cmd
}

// export writes one bucket.
func (a *app) export(cmd *cobra.Command, f *scanFlags, out string) (err error) {
	bucket, err := f.connectBucket()
	if err != nil {
		return err
	}
	to := a.std.out
	if out != "" {
		file, ferr := os.Create(out)
		if ferr != nil {
			return exit.With(exit.Usage, ferr)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		to = file
	}
	w := bufio.NewWriterSize(to, 1<<20)
	siblings := 0
	l, err := f.list(cmd, bucket, true, func(e request.Entry) error {
		if len(e.Value.Siblings) > 1 {
			siblings++
		}
		return records.Encode(w, records.LineOf(e))
	})
	if ferr := w.Flush(); ferr != nil {
		return errors.Join(ferr, err)
	}
	return errors.Join(err, a.exported(f, l, siblings))
}

// exported says at the end whether every key is there.
func (a *app) exported(f *scanFlags, l listing, siblings int) error {
	if a.format == output.JSON {
		return records.Encode(a.std.err, map[string]listing{"end": l})
	}
	switch {
	case l.Complete:
		a.tell("exported %d keys of %s: complete", l.Keys, f.bucket)
	case f.limit > 0 && l.Keys >= f.limit:
		a.tell("exported %d keys of %s: the limit; go on with --cursor %s", l.Keys, f.bucket, output.CommandLine(l.Cursor))
	default:
		a.tell("exported %d keys of %s: INCOMPLETE", l.Keys, f.bucket)
	}
	if siblings > 0 {
		a.tell("%d keys have siblings: all of them are written, and import will pass those keys over", siblings)
	}
	return nil
}
