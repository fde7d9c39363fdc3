package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/hengedb/henge/cmd/henge/internal/load"
)

// The pace of progress: a bar is looked at, lines pile up in a log.
const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 3 * time.Second
)

// progress shows how far an import is, on standard error.
type progress interface {
	say(line string) // between what it shows
	stop(err error)  // of the import: nil shows it as done
}

// counted counts the bytes that pass.
type counted struct {
	io.ReadCloser
	n atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// progress begins to show: a bar on a terminal, a line now and then elsewhere. It
// counts what is read of in from here on.
func (a *app) progress(in *input, tally *load.Tally) progress {
	bytes := &counted{ReadCloser: in.ReadCloser}
	in.ReadCloser = bytes
	if !isTerminal(a.std.err) {
		return a.lines(tally)
	}
	return newBar(a.std.err, in.size, bytes, tally)
}

// state words the counts of now.
func state(c load.Counts) string {
	text := fmt.Sprintf("%d acknowledged, %.0f/s, %d failed", c.Acked, c.Rate(), c.Failed+c.Bad)
	if c.Waiting > 0 {
		text += fmt.Sprintf(", %d waiting to be tried again", c.Waiting)
	}
	return text
}

// every calls f at an interval until the returned function is called, which waits
// for the last call.
func every(interval time.Duration, f func()) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				f()
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// linesProgress writes lines.
type linesProgress struct {
	a   *app
	end func()
}

func (a *app) lines(tally *load.Tally) progress {
	return &linesProgress{a: a, end: every(lineEvery, func() { a.tell("import: %s", state(tally.Counts())) })}
}

func (p *linesProgress) say(line string) { p.a.tell("%s", line) }
func (p *linesProgress) stop(error)      { p.end() }

// barProgress draws a bar of the bytes read, or a spinner when nobody knows how
// many there are.
type barProgress struct {
	all *mpb.Progress
	bar *mpb.Bar
	end func()
}

func newBar(w io.Writer, size int64, read *counted, tally *load.Tally) progress {
	all := mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithRefreshRate(barEvery))
	counts := decor.Any(func(decor.Statistics) string { return " " + state(tally.Counts()) })
	p := &barProgress{all: all}
	if size > 0 {
		p.bar = all.AddBar(size, mpb.PrependDecorators(decor.Percentage()), mpb.AppendDecorators(counts))
	} else {
		p.bar = all.AddSpinner(0, mpb.AppendDecorators(counts))
	}
	p.end = every(barEvery, func() {
		if size > 0 {
			p.bar.SetCurrent(min(read.n.Load(), size-1)) // full only at the end
		}
	})
	return p
}

// say writes a line above the bar. A terminal that is gone takes no lines, and
// needs none.
func (p *barProgress) say(line string) {
	_, _ = io.WriteString(p.all, line+"\n")
}

func (p *barProgress) stop(err error) {
	p.end()
	if err == nil {
		p.bar.SetTotal(-1, true)
	} else {
		p.bar.Abort(false)
	}
	p.all.Wait()
}
