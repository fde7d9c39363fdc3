package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/load"
	"github.com/hengedb/henge/cmd/henge/internal/records"
)

// importFlags are the flags of import.
type importFlags struct {
	bucketTarget
	knobs
	key      string
	format   string
	inFlight int
	patience time.Duration
	failed   string
	verify   bool
	expiryFlags
}

func (a *app) importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import [FILE | -] --bucket BUCKET --key FIELD",
		Short: "Store many records from a file or standard input",
		Long: `Stores every record of a file, many at once. In NDJSON a record is a line, and the
line is the value; in CSV the first row names the fields, and each further row is
stored as a JSON object of strings. --key names the field that is the record's key.
--format export reads what henge export wrote, whose records carry their key, and
their expiry where they have one: those that have expired meanwhile are passed over.

Records of one key are stored in the order of the file. A put that fails in a way
that may pass is tried again, as the same operation, for as long as --patience says.
A record that cannot be read or stored is named with its line and passed over; the
exit code is then 1, and --failed FILE collects these records for another run.
Ctrl-C waits for what is in flight and says what was acknowledged.

Running it again stores every record again, over what is there: so an import that
broke off is resumed by running it again.

--verify reads every acknowledged record back at the end, each through another of
the cluster's nodes in turn, and names those that are missing. It keeps about 100
bytes a key in memory.`,
		Example: `  henge import packages.ndjson --bucket packages --key Package --verify
  henge export --bucket a | henge import - --bucket b --format export`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.importFile(cmd, &f, args) },
	}
	f.add(cmd)
	f.addWrite(cmd)
	f.addExpiry(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.key, "key", "k", "", "the field that is a record's key")
	flags.StringVar(&f.format, "format", "", "ndjson, csv or export (default: csv for a file named so, else ndjson)")
	flags.IntVar(&f.inFlight, "in-flight", 64, "how many puts are under way at once")
	flags.DurationVar(&f.patience, "patience", time.Minute, "how long one record is tried again while no node can take it")
	flags.StringVar(&f.failed, "failed", "", "write records that were not stored to this file, to be imported again")
	flags.BoolVar(&f.verify, "verify", false, "read every acknowledged record back at the end")
	complete(cmd, "format", records.Formats()...)
	return cmd
}

// summary is what an import prints at its end.
type summary struct {
	load.Counts
	PerSecond float64        `json:"per_second"`
	Verified  *load.Verified `json:"verified,omitempty"`
	Complete  bool           `json:"complete"` // the input was read to its end
}

// importFile runs one import.
func (a *app) importFile(cmd *cobra.Command, f *importFlags, args []string) (err error) {
	if f.inFlight < 1 {
		return usage("--in-flight %d: want at least 1", f.inFlight)
	}
	write := f.write()
	if err := f.expiry(&write); err != nil {
		return err
	}
	in, err := a.open(args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	dec, err := records.NewDecoder(in, f.formatOf(in.name), f.key)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	bucket, err := f.connectBucket()
	if err != nil {
		return err
	}
	losses, err := a.losses(f.failed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, losses.close()) }()
	tally := &load.Tally{Started: time.Now()}
	o := load.Options{Lanes: f.inFlight, Patience: f.patience, Write: write, Run: rand.Text(), Failed: losses.add}
	if f.verify {
		o.Ledger = &load.Ledger{}
	}
	show := a.progress(in, tally)
	losses.say = show.say
	err = load.Import(cmd.Context(), dec, bucket, tally, o)
	show.stop(err)
	s := summary{Counts: tally.Counts(), PerSecond: tally.Counts().Rate(), Complete: err == nil}
	if f.verify && (err == nil || errors.Is(err, exit.ErrInterrupted)) {
		// What was acknowledged is worth reading back after an interrupt too.
		var v load.Verified
		var verr error
		v, verr = a.readBack(context.WithoutCancel(cmd.Context()), f, o.Ledger)
		s.Verified, err = &v, errors.Join(err, verr)
	}
	return errors.Join(a.printer().Result(s, s.human), s.verdict(err))
}

// formatOf picks the format by the file's name when none is given.
func (f *importFlags) formatOf(name string) records.Format {
	switch {
	case f.format != "":
		return records.Format(f.format)
	case strings.EqualFold(filepath.Ext(name), ".csv"):
		return records.CSV
	}
	return records.NDJSON
}

// human writes the summary for a person.
func (s summary) human(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d records: %d acknowledged, %d failed, %d bad, %d tried again; %s, %.0f a second\n",
		s.Records, s.Acked, s.Failed, s.Bad, s.Retried, s.Elapsed.Round(time.Millisecond), s.PerSecond)
	if err == nil && s.Expired > 0 {
		_, err = fmt.Fprintf(w, "%d records had expired and were passed over\n", s.Expired)
	}
	if err != nil || s.Verified == nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d acknowledged keys read back: %d missing, %d could not be read\n", s.Verified.Checked, s.Verified.Missing, s.Verified.Unread)
	return err
}

// verdict is the command's error: nil only when every record was stored and, if
// that was asked for, read back.
func (s summary) verdict(err error) error {
	switch {
	case errors.Is(err, exit.ErrInterrupted):
		return exit.With(exit.Interrupted, fmt.Errorf("import: interrupted after %d acknowledged records", s.Acked))
	case err != nil:
		return fmt.Errorf("import: %w", err)
	case s.Verified != nil && s.Verified.Missing+s.Verified.Unread > 0:
		return exit.With(exit.Incomplete, fmt.Errorf("import: %d acknowledged records are missing, %d could not be read back", s.Verified.Missing, s.Verified.Unread))
	case s.Failed+s.Bad > 0:
		return exit.With(exit.Failure, fmt.Errorf("import: %d records were not stored", s.Failed+s.Bad))
	}
	return nil
}

// input is what an import reads.
type input struct {
	io.ReadCloser
	name string
	size int64 // bytes; 0 when it is not known
}

// open opens the file that the arguments name; none, or -, is standard input.
func (a *app) open(args []string) (*input, error) {
	if len(args) == 0 || args[0] == "-" {
		return &input{ReadCloser: io.NopCloser(a.std.in)}, nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	in := &input{ReadCloser: f, name: args[0]}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		in.size = info.Size()
	}
	return in, nil
}
