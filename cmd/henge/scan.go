package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
)

// scanFlags are the flags of keys and export.
type scanFlags struct {
	bucketTarget
	prefix  string
	cursor  string
	limit   int
	strict  bool
	timeout time.Duration
}

func (f *scanFlags) add(cmd *cobra.Command) {
	f.bucketTarget.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.prefix, "prefix", "", "only keys that begin so; the whole bucket is still read")
	flags.StringVar(&f.cursor, "cursor", "", "go on where an earlier run stopped")
	flags.IntVar(&f.limit, "limit", 0, "stop after so many keys; 0 is no bound")
	flags.BoolVar(&f.strict, "strict", false, "only the keys' own replicas are asked, no node standing in for one")
	flags.DurationVar(&f.timeout, "timeout", 0, "how long each page may take (default: the cluster's)")
}

func (f *scanFlags) options(cmd *cobra.Command, values bool) request.ScanOptions {
	o := request.ScanOptions{Prefix: f.prefix, Cursor: f.cursor, Limit: f.limit, Timeout: f.timeout, Values: values}
	if cmd.Flags().Changed("strict") {
		o.Strict = request.SwitchOf(f.strict)
	}
	return o
}

// listing is how a scan ended.
type listing struct {
	Keys     int    `json:"keys"`
	Complete bool   `json:"complete"`
	Cursor   string `json:"cursor,omitempty"` // of the last key
}

// scanner is a bucket that can be listed.
type scanner interface {
	Scan(ctx context.Context, o request.ScanOptions) iter.Seq2[request.Entry, error]
}

// list hands every key to each. The error of a scan that broke off has the exit
// code of an incomplete listing, unless it never began.
func (f *scanFlags) list(cmd *cobra.Command, b scanner, values bool, each func(request.Entry) error) (listing, error) {
	var l listing
	if f.limit < 0 {
		return l, usage("--limit %d: want 0, no bound, or more", f.limit)
	}
	for entry, err := range b.Scan(cmd.Context(), f.options(cmd, values)) {
		if err != nil {
			return l, f.broken(l, err)
		}
		if err := each(entry); err != nil {
			return l, err
		}
		l.Keys++
		l.Cursor = entry.Cursor
	}
	l.Complete = f.limit == 0 || l.Keys < f.limit
	return l, nil
}

// broken words the error of a scan.
func (f *scanFlags) broken(l listing, err error) error {
	if l.Keys == 0 {
		return asRead(fmt.Errorf("list %s: %w", f.bucket, err))
	}
	again := ""
	if l.Cursor != "" {
		again = fmt.Sprintf(" (go on with --cursor %s)", output.CommandLine(l.Cursor))
	}
	code := exit.Incomplete
	if exit.Of(err) == exit.Interrupted {
		code = exit.Interrupted
	}
	return exit.With(code, fmt.Errorf("list %s: incomplete after %d keys: %w%s", f.bucket, l.Keys, err, again))
}
