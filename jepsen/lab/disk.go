package lab

import (
	"fmt"
	"math/rand/v2"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// wipe loses the disk of a dead node: it starts with an empty one, as a new store.
func (n *Node) wipe() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil {
		return fmt.Errorf("%s runs: its disk cannot be lost now", n.name)
	}
	n.disk, n.wiped = vfs.NewCrashableMem(), true
	return nil
}

// copyDisk keeps a copy of the node's disk as it is now, as if its process were killed.
func (n *Node) copyDisk() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	draws := rand.New(rand.NewPCG(n.id, n.starts))
	n.copied = n.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: draws})
	return nil
}

// revert gives a dead node the disk that was copied.
func (n *Node) revert() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.proc != nil:
		return fmt.Errorf("%s runs: its disk cannot be replaced now", n.name)
	case n.copied == nil:
		return fmt.Errorf("the disk of %s was never copied", n.name)
	}
	n.disk, n.copied, n.older = n.copied, nil, true
	return nil
}

// hasForgotten reports whether the node came back with an older disk. Where it has lost
// memory it counts as down, until it is filled again: no promise of availability counts it.
func (n *Node) hasForgotten() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.older
}
