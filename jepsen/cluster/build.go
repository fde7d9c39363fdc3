package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// command is the import path of what is built.
const command = "github.com/hengedb/henge/cmd/henge"

// Build builds the command into dir, and returns its path. It must be called from
// within the module.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "henge")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, command).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", command, err, out)
	}
	return path, nil
}
