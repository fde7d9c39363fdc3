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

	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

// record is what cluster.json holds: enough to refuse a run that does not fit.
type record struct {
	Nodes    int `json:"nodes"`
	BasePort int `json:"base_port"`
}

// prepare makes the directories, or takes up those of an earlier run, whose
// members are known by the number of nodes and must stay as many.
func prepare(o Options, nodes []Node) error {
	path := filepath.Join(o.Dir, "cluster.json")
	earlier, err := readRecord(path)
	switch {
	case err != nil:
		return err
	case earlier != nil && earlier.Nodes != o.Nodes:
		return exit.With(exit.Usage, fmt.Errorf("%s holds a cluster of %d nodes: run it with --nodes %d, or name another directory",
			o.Dir, earlier.Nodes, earlier.Nodes))
	}
	for _, n := range nodes {
		if err := os.MkdirAll(n.Data(), 0o700); err != nil {
			return fmt.Errorf("make the directory of %s: %w", n.Name, err)
		}
	}
	if earlier != nil {
		return nil
	}
	raw, err := json.Marshal(record{Nodes: o.Nodes, BasePort: o.BasePort})
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
