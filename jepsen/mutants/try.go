package mutants

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// patience is how long a catcher may run: the slowest takes half a minute on two
// busy cores, and a mutant that hangs proves nothing.
const patience = 3 * time.Minute

// Try builds the mutant in work, an empty folder, and runs its catcher there. It
// returns nil when the mutant was caught, and else ErrText, ErrBuild, ErrSurvived
// or ErrMissed, with what the catcher said.
func (m Mutant) Try(ctx context.Context, root, work string) error {
	overlay, err := m.overlay(root, work)
	if err != nil {
		return err
	}
	binary, err := build(ctx, root, work, m.Package, "-overlay="+overlay)
	if err != nil {
		return err
	}
	output, err := run(ctx, root, work, binary, m.Package, m.Run, m.Env)
	switch {
	case err == nil:
		return fmt.Errorf("%w %s in %s: %s", ErrSurvived, m.Run, m.Package, m.Rule)
	case !strings.Contains(output, m.want()) || strings.Contains(output, "\npanic: ") || strings.Contains(output, "\nfatal error: "):
		return fmt.Errorf("%w: want %q: %w\n%s", ErrMissed, m.want(), err, output)
	}
	return nil
}

// overlay writes the mutated file and the map that puts it in the true one's place.
func (m Mutant) overlay(root, work string) (string, error) {
	source, err := m.Source(root)
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(work, "mutated.go")
	if err := os.WriteFile(mutated, source, 0o600); err != nil {
		return "", err
	}
	raw, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(root, filepath.FromSlash(m.File)): mutated},
	})
	if err != nil {
		return "", err
	}
	path := filepath.Join(work, "overlay.json")
	return path, os.WriteFile(path, raw, 0o600)
}

// build compiles the tests of a package. It fails with ErrBuild.
func build(ctx context.Context, root, work, pkg string, flags ...string) (binary string, err error) {
	binary = filepath.Join(work, "catcher.test")
	args := append([]string{"test", "-c", "-o", binary}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s %w: %w\n%s", pkg, ErrBuild, err, output)
	}
	return binary, nil
}

// run runs the named tests of a binary beside a copy of their testdata, and returns
// all that they said; an error when they failed. The seeds that other bugs left
// behind stay out of it: a row names the seeds that it needs.
func run(ctx context.Context, root, work, binary, pkg, tests string, env []string) (output string, err error) {
	beside := filepath.Join(work, "beside")
	if err := os.Mkdir(beside, 0o700); err != nil {
		return "", err
	}
	testdata := filepath.Join(root, filepath.FromSlash(pkg), "testdata")
	if _, err := os.Stat(testdata); err == nil {
		if err := os.CopyFS(filepath.Join(beside, "testdata"), os.DirFS(testdata)); err != nil {
			return "", err
		}
		if err := os.RemoveAll(filepath.Join(beside, "testdata", "seeds")); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, binary, "-test.v", "-test.run=^("+tests+")$", "-test.timeout="+patience.String())
	cmd.Dir, cmd.Env = beside, append(os.Environ(), env...)
	raw, err := cmd.CombinedOutput()
	if err == nil && !strings.Contains(string(raw), "--- PASS: ") {
		err = fmt.Errorf("no test of %s is named %s", pkg, tests)
	}
	return string(raw), err
}
