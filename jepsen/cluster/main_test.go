//go:build unix

package cluster_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/hengedb/henge/jepsen/cluster"
)

// built is the command, built once for all tests of the package.
var built = sync.OnceValues(func() (string, error) {
	return cluster.Build(context.Background(), builtIn)
})

// builtIn is the directory of what is built, removed at the end.
var builtIn string

// parentOf names a directory; with it set, this executable is not a test but a
// parent that is to be killed.
const parentOf = "CLUSTER_TEST_PARENT_OF"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentOf); dir != "" {
		os.Exit(parent(dir, os.Getenv(parentOf+"_BINARY")))
	}
	os.Exit(tests(m))
}

func tests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "henge-cluster-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	builtIn = dir
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory's fate fails no test
	return m.Run()
}

// binary is the path of the built command.
func binary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real processes; -short leaves that out")
	}
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run starts three nodes.
func run(t *testing.T, args ...string) *cluster.Cluster {
	t.Helper()
	return cluster.Run(t, cluster.Options{Binary: binary(t), Args: args})
}
