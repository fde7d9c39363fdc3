package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/load"
	"github.com/hengedb/henge/cmd/henge/internal/output"
)

// namedLosses is how many records are named on standard error. More would scroll
// away what they have in common; the file has them all.
const namedLosses = 20

// losses keeps the records that were not stored.
type losses struct {
	say  func(line string)
	file *os.File // nil: none was asked for
	w    *bufio.Writer
	n    int
	err  error // the first that writing met
}

// losses opens the file for records that were not stored; an empty path is none.
func (a *app) losses(path string) (*losses, error) {
	l := &losses{say: func(line string) { a.tell("%s", line) }}
	if path == "" {
		return l, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("the file for failed records: %w", err))
	}
	l.file, l.w = f, bufio.NewWriter(f)
	return l, nil
}

// add names one record and keeps it.
func (l *losses) add(f load.Failure) {
	switch l.n++; {
	case l.n <= namedLosses && f.Key == "":
		l.say(fmt.Sprintf("line %d: %v", f.Line, f.Err))
	case l.n <= namedLosses:
		l.say(fmt.Sprintf("line %d: %s: %v", f.Line, output.Key(f.Key), f.Err))
	case l.n == namedLosses+1:
		l.say("further records that are not stored are counted only (--failed FILE keeps them)")
	}
	if l.w == nil || l.err != nil || f.Raw == nil {
		return
	}
	_, err := l.w.Write(append(f.Raw, '\n'))
	l.err = err
}

// close finishes the file.
func (l *losses) close() error {
	if l.w == nil {
		return nil
	}
	if err := errors.Join(l.err, l.w.Flush(), l.file.Close()); err != nil {
		return fmt.Errorf("the file for failed records: %w", err)
	}
	return nil
}
