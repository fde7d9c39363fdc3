package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
)

// logFlags are the flags of logging.
type logFlags struct {
	level  logLevel
	format logFormat
}

// add adds the flags to a command.
func (f *logFlags) add(cmd *cobra.Command) {
	f.level, f.format = logLevel(slog.LevelInfo), logText
	cmd.Flags().Var(&f.level, "log-level", "log from here on: debug, info, warn or error")
	cmd.Flags().Var(&f.format, "log-format", "text or json")
	complete(cmd, "log-level", "debug", "info", "warn", "error")
	complete(cmd, "log-format", string(logText), string(logJSON))
}

// logger writes to w.
func (f *logFlags) logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.Level(f.level)}
	if f.format == logJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// logLevel is the flag's value.
type logLevel slog.Level

func (l *logLevel) String() string { return strings.ToLower(slog.Level(*l).String()) }
func (l *logLevel) Type() string   { return "level" }

func (l *logLevel) Set(s string) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s)); err != nil {
		return fmt.Errorf("want debug, info, warn or error")
	}
	*l = logLevel(level)
	return nil
}

// logFormat is the flag's value.
type logFormat string

// The formats of logs.
const (
	logText logFormat = "text"
	logJSON logFormat = "json"
)

func (f *logFormat) String() string { return string(*f) }
func (f *logFormat) Type() string   { return "format" }

func (f *logFormat) Set(s string) error {
	if format := logFormat(s); format == logText || format == logJSON {
		*f = format
		return nil
	}
	return fmt.Errorf("want %s or %s", logText, logJSON)
}
