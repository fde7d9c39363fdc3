package main

import (
	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
)

// deleteFlags are the flags of delete.
type deleteFlags struct {
	bucketTarget
	knobs
	context string
	ifMatch string
}

func (a *app) deleteCommand() *cobra.Command {
	var f deleteFlags
	cmd := &cobra.Command{
		Use:   "delete KEY",
		Short: "Delete a key",
		Long: `Deletes what the context saw or, without one, what a read finds now. A write that
neither saw stays. Deleting what is not there is no error.`,
		Aliases: []string{"rm"},
		Args:    arguments("a key"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.delete(cmd, &f, args[0]) },
	}
	f.add(cmd)
	f.addWrite(cmd)
	cmd.Flags().StringVar(&f.context, "context", "", "the context of the read whose values are deleted")
	cmd.Flags().StringVar(&f.ifMatch, "if-match", "", "only if the value's ETag is this one, or * for any value")
	return cmd
}

// delete removes one key.
func (a *app) delete(cmd *cobra.Command, f *deleteFlags, key string) error {
	bucket, err := f.connectBucket()
	if err != nil {
		return err
	}
	o := f.write()
	o.Context, o.IfMatch = request.Context(f.context), f.ifMatch
	receipt, err := bucket.Delete(cmd.Context(), key, o)
	if err != nil {
		return failed("delete", output.Key(key), err)
	}
	r := output.ReceiptOf("delete", f.bucket, key, receipt)
	return a.printer().Result(r, r.Human)
}
