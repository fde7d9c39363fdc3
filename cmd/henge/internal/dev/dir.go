package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

// record is what cluster.json holds: enough to refuse a run that does not fit.
type record struct {
	Nodes    int      `json:"nodes"` // that there have ever been
	BasePort int      `json:"base_port"`
	Removed  []string `json:"removed,omitempty"` // of them: those that are no part of it any more
}

// recordPath is where a cluster's record is.
func (o Options) recordPath() string { return filepath.Join(o.Dir, "cluster.json") }

// prepare makes the directories, or takes up those of an earlier run, whose
// members are known by the number of nodes and must stay as many. It returns the names
// of those that were removed.
func prepare(o Options, nodes []Node) (removed []string, err error) {
	earlier, err := readRecord(o.recordPath())
	switch {
	case err != nil:
		return nil, err
	case earlier != nil && earlier.Nodes != o.Nodes:
		return nil, exit.With(exit.Usage, fmt.Errorf("%s holds a cluster of %d nodes: run it with --nodes %d, or name another directory",
			o.Dir, earlier.Nodes, earlier.Nodes))
	}
	for _, n := range nodes {
		if earlier != nil && slices.Contains(earlier.Removed, n.Name) {
			continue // its directory may have been deleted
		}
		if err := os.MkdirAll(n.Data(), 0o700); err != nil {
			return nil, fmt.Errorf("make the directory of %s: %w", n.Name, err)
		}
	}
	if earlier != nil {
		return earlier.Removed, nil
	}
	return nil, writeRecord(o.recordPath(), record{Nodes: o.Nodes, BasePort: o.BasePort})
}

func writeRecord(path string, r record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o600)
}

// readRecord returns nil where no cluster has been.
func readRecord(path string) (*record, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r record
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return &r, nil
}

// checkPorts says which port is taken before any process is started, because the
// sentence is clearer here than in the log of one of them.
func checkPorts(ctx context.Context, nodes []Node) error {
	for _, n := range nodes {
		for _, addr := range []string{n.HTTP, n.RPC, n.Gossip} {
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
			if err != nil {
				return exit.With(exit.Address, fmt.Errorf("%s cannot listen on %s: %w; is another cluster running? (--base-port picks other ports)", n.Name, addr, err))
			}
			if err := l.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}
