package main

import (
	"io"
	"mime"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
)

// putFlags are the flags of put.
type putFlags struct {
	bucketTarget
	knobs
	file        string
	contentType string
	meta        map[string]string
	context     string
	ifMatch     string
	ifNoneMatch string
	expiryFlags
}

// expiryFlags say until when a value is shown.
type expiryFlags struct{ ttl, expiresAt string }

func (f *expiryFlags) addExpiry(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.ttl, "ttl", "", "how long the value is shown, as 90s or 720h, or none: for ever (default: the bucket's)")
	flags.StringVar(&f.expiresAt, "expires-at", "", "from when on the value is hidden, as 2026-01-02T15:04:05Z")
	cmd.MarkFlagsMutuallyExclusive("ttl", "expires-at")
}

// expiry enters what the flags say.
func (f *expiryFlags) expiry(o *request.WriteOptions) (err error) {
	if f.ttl != "" {
		if o.TTL, err = request.ParseTTL(f.ttl); err != nil {
			return usage("--ttl: %w", err)
		}
	}
	if f.expiresAt != "" {
		if o.ExpiresAt, err = request.ParseExpiresAt(f.expiresAt); err != nil {
			return usage("--expires-at: %w", err)
		}
	}
	return nil
}

func (a *app) putCommand() *cobra.Command {
	var f putFlags
	cmd := &cobra.Command{
		Use:   "put KEY [VALUE | - | --file FILE]",
		Short: "Store a value under a key",
		Long: `Stores a value under a key and says how many nodes hold it. The value is the
second argument, standard input when that is -, or the file that --file names.

Without --context the value replaces what the node that takes the put holds. With
the context of a read it replaces exactly what that read saw: writes that the
read did not see stay beside it as siblings.`,
		Example: `  henge put stone stands
  henge put stone --file stone.jpg --type image/jpeg --meta by=ann
  date | henge put now -
  henge put session 8f3a --ttl 30m`,
		Args: keyAndMore,
		RunE: func(cmd *cobra.Command, args []string) error { return a.put(cmd, &f, args) },
	}
	f.add(cmd)
	f.addWrite(cmd)
	f.addExpiry(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "store this file's content")
	flags.StringVarP(&f.contentType, "type", "t", "", "the value's content type (default: text/plain for text, by its name for a file)")
	flags.StringToStringVarP(&f.meta, "meta", "m", nil, "metadata kept with the value: name=value, may be repeated")
	flags.StringVar(&f.context, "context", "", "the context of the read that this replaces")
	flags.StringVar(&f.ifMatch, "if-match", "", "only if the value's ETag is this one, or * for any value")
	flags.StringVar(&f.ifNoneMatch, "if-none-match", "", "* stores only where nothing is; an ETag: not over that value")
	return cmd
}

// put sends one value.
func (a *app) put(cmd *cobra.Command, f *putFlags, args []string) error {
	o := f.write()
	if err := f.expiry(&o); err != nil {
		return err
	}
	value, contentType, err := a.valueOf(f, args[1:])
	if err != nil {
		return err
	}
	bucket, err := f.connectBucket()
	if err != nil {
		return err
	}
	o.ContentType, o.Meta, o.Context = contentType, f.meta, request.Context(f.context)
	o.IfMatch, o.IfNoneMatch = f.ifMatch, f.ifNoneMatch
	receipt, err := bucket.Put(cmd.Context(), args[0], value, o)
	if err != nil {
		return failed("put", output.Key(args[0]), err)
	}
	r := output.ReceiptOf("put", f.bucket, args[0], receipt)
	return a.printer().Result(r, r.Human)
}

// valueOf finds the value and its content type.
func (a *app) valueOf(f *putFlags, args []string) (value []byte, contentType string, err error) {
	switch {
	case f.file != "" && len(args) > 0:
		return nil, "", usage("put takes a value or --file, not both")
	case f.file != "":
		if value, err = os.ReadFile(f.file); err != nil {
			return nil, "", exit.With(exit.Usage, err)
		}
		contentType = mime.TypeByExtension(filepath.Ext(f.file))
	case len(args) == 0:
		return nil, "", usage("put needs a value: as an argument, - for standard input, or --file")
	case args[0] == "-":
		value, err = io.ReadAll(io.LimitReader(a.std.in, request.MaxValue+1))
	default:
		value = []byte(args[0])
	}
	if f.contentType != "" {
		contentType = f.contentType
	} else if contentType == "" && utf8.Valid(value) {
		contentType = "text/plain; charset=utf-8"
	}
	return value, contentType, err
}
