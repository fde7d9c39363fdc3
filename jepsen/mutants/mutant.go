package mutants

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Mutant is one planted bug and who must catch it.
type Mutant struct {
	Name string // of the bug, in a few words
	Rule string // what it breaks, in one sentence

	File string // from the root of the module
	Old  string // stands there exactly once
	New  string

	Package string   // of the catcher, as go test takes it
	Run     string   // the catcher's test: its name without anchors
	Env     []string // of the catcher, "NAME=value"
	Want    string   // in the catcher's output; empty is "--- FAIL: " and Run

	Quick bool // it is cheap enough for every run of the suite
}

// The reasons for which a row proves nothing.
var (
	ErrText     = errors.New("the old text must stand in the file exactly once")
	ErrBuild    = errors.New("does not compile")
	ErrSurvived = errors.New("survived")
	ErrMissed   = errors.New("the catcher failed, but not as the row says")
)

// want is what the catcher's output must have.
func (m Mutant) want() string {
	if m.Want != "" {
		return m.Want
	}
	return "--- FAIL: " + m.Run + " "
}

// Source is the mutated file of the module at root. It fails with ErrText when the
// row no longer fits the file.
func (m Mutant) Source(root string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.File)))
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(raw), m.Old); n != 1 || m.Old == m.New {
		return nil, fmt.Errorf("%s: %w: %d times %q", m.File, ErrText, n, m.Old)
	}
	return []byte(strings.Replace(string(raw), m.Old, m.New, 1)), nil
}
