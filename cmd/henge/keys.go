package main

import (
	"bufio"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/cmd/henge/internal/records"
	"github.com/hengedb/henge/replication/request"
)

func (a *app) keysCommand() *cobra.Command {
	var f scanFlags
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "List the keys of a bucket",
		Long: fmt.Sprintf(`Lists the keys of a bucket, one a line, in the order of the ring, which is no order
for people. It reads the whole bucket. Keys with unprintable characters are
quoted. When not every key could be reached, the exit code is %d. With --output json
each line is {"key":...}, and the last one {"end":{...}} says whether it is complete.`, exit.Incomplete),
		Aliases: []string{"ls"},
		Args:    nothing,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.keys(cmd, &f) },
	}
	f.add(cmd)
	return cmd
}

// keys lists one bucket.
func (a *app) keys(cmd *cobra.Command, f *scanFlags) error {
	bucket, err := f.connectBucket()
	if err != nil {
		return err
	}
	w := bufio.NewWriter(a.std.out)
	l, err := f.list(cmd, bucket, false, func(e request.Entry) error {
		if a.format == output.JSON {
			return records.Encode(w, records.KeyOf(e.Key))
		}
		_, err := fmt.Fprintln(w, output.Key(e.Key))
		return err
	})
	if a.format == output.JSON {
		if eerr := records.Encode(w, map[string]listing{"end": l}); eerr != nil {
			return eerr
		}
	}
	if ferr := w.Flush(); ferr != nil {
		return ferr
	}
	return err
}
