package replication

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hengedb/henge/replication/request"
)

// badDisks are how a disk fails under a node that runs.
var badDisks = map[string]func(errorfs.Op) error{
	"a failing fsync": func(op errorfs.Op) error {
		if strings.Contains(op.Path, ".log") && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return syscall.EIO
		}
		return nil
	},
	"a read-only disk": func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.EROFS
		}
		return nil
	},
}

// TestADiskThatFailsIsOneNodesTrouble: the others serve all, and the node says what it
// has; nothing that it held is answered as "not found".
func TestADiskThatFailsIsOneNodesTrouble(t *testing.T) {
	for name, judge := range badDisks {
		t.Run(name, func(t *testing.T) {
			var bad atomic.Bool
			disk := func(i int) vfs.FS {
				if i > 0 {
					return vfs.NewMem()
				}
				return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
					if !bad.Load() {
						return nil
					}
					return judge(op)
				}))
			}
			inClusterOver(t, 3, disk, func(t *testing.T, c *cluster) {
				sick, well := c.nodes[0], c.nodes[1:]
				well[0].mustPut(t, "k", "old", request.WriteOptions{W: request.All})
				bad.Store(true)
				for _, n := range well {
					n.mustPut(t, "k", "new", request.WriteOptions{})
					n.mustGet(t, "k", "new", request.ReadOptions{})
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if sick.store.Failed() == nil {
					t.Fatal("the store has not noticed")
				}
				_, err := sick.Get(t.Context(), "default", "k", request.ReadOptions{})
				if !errors.Is(err, request.ErrStoreFailed) || errors.Is(err, request.ErrNotFound) {
					t.Errorf("a read through the node: %v, want ErrStoreFailed", err)
				}
				alarms := sick.Status(t.Context()).Alarms
				if !slices.ContainsFunc(alarms, func(a string) bool {
					return strings.Contains(a, "store failed") && strings.Contains(a, "start the node again")
				}) {
					t.Errorf("the status says %q", alarms)
				}
				for _, n := range well {
					n.mustPut(t, "k", "newer", request.WriteOptions{})
					n.mustGet(t, "k", "newer", request.ReadOptions{})
				}
			})
		})
	}
}

// TestAShortDiskIsToldOf in the status, as long as it is one.
func TestAShortDiskIsToldOf(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		told := func(word string) bool {
			return slices.ContainsFunc(n.Status(t.Context()).Alarms, func(a string) bool { return strings.Contains(a, word) })
		}
		for _, step := range []struct {
			free       uint64
			short, out bool
		}{{diskMark / 2, true, false}, {1, false, true}, {1 << 39, false, false}} {
			n.free.Store(step.free)
			time.Sleep(2 * time.Second)
			if told("the disk is short of room") != step.short || told("the disk is full") != step.out {
				t.Errorf("with %d bytes free the status says %q", step.free, n.Status(t.Context()).Alarms)
			}
		}
	})
}
