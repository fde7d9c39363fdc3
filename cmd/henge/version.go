package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build is what the linker knows of this executable.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from a changed working tree
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// buildOf reads the build information that the Go tool leaves in executables.
func buildOf() build {
	b := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Revision = setting.Value
		case "vcs.time":
			b.Time = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	return b
}

// human writes the build as one line.
func (b build) human(w io.Writer) error {
	text := fmt.Sprintf("henge %s (%s, %s)", b.Version, b.Go, b.Platform)
	if b.Revision != "" {
		text += " revision " + b.Revision
	}
	if b.Modified {
		text += ", modified"
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which version this is", Args: nothing,
		RunE: func(*cobra.Command, []string) error {
			b := buildOf()
			return a.printer().Result(b, b.human)
		},
	}
}
