package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/cluster"
)

// The sizes of a small disk. Blocks are random, so that the store cannot compress
// them.
const (
	diskSize = 96 << 20
	block    = 1 << 20
)

// A node whose disk is full refuses writes and goes on to serve reads; with room
// again it takes writes by itself. Nothing that was acknowledged is lost.
func TestAFullDiskRefusesWritesAndLosesNothing(t *testing.T) {
	path := binary(t)
	if os.Geteuid() != 0 {
		t.Skip("mounts a small file system, which needs root")
	}
	dir := t.TempDir()
	data := mountDisk(t, filepath.Join(dir, "n1", "data"))
	c := cluster.Run(t, cluster.Options{Binary: path, Nodes: 1, Dir: dir})
	n := c.Nodes()[0]
	acked := fill(t, n, data)
	if len(acked) < 10 {
		t.Errorf("only %d blocks of a disk of %d MiB were taken", len(acked), diskSize>>20)
	}
	readBlocks(t, n, acked)
	if err := syscall.Mount("tmpfs", data, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", 4*diskSize)); err != nil {
		t.Fatal(err)
	}
	cluster.Eventually(t, patience, "a put with room again", func() (bool, string) {
		status, body, err := send(t, http.MethodPut, n, bucket, "small", []byte("x"))
		return status == http.StatusNoContent, fmt.Sprintf("%d %s %v", status, body, err)
	})
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	readBlocks(t, n, acked)
}

// mountDisk mounts a small disk on dir.
func mountDisk(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// blockOf makes the i-th block, the same each time.
func blockOf(i int) []byte {
	random := rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)})
	b := make([]byte, block)
	_, _ = random.Read(b) // never fails
	return b
}

// fill puts blocks until several in a row are refused, and returns those that were
// acknowledged. A refusal says that the disk is full; a moment later a compaction may have
// made room. Near the end each block waits for the next look at the disk: on one as small
// as this the marks lie closer together than what waits for a flush, and a burst on a busy
// machine would jump over both.
func fill(t *testing.T, n *cluster.Node, data string) []int {
	t.Helper()
	var acked []int
	refused := 0
	for i := 0; refused < 3; i++ {
		if room(t, data) < diskSize/3 {
			<-time.After(lookEvery)
		}
		status, body, err := send(t, http.MethodPut, n, bucket, fmt.Sprint(i), blockOf(i))
		switch {
		case i > 2*diskSize/block:
			t.Fatalf("a disk of %d MiB took %d blocks of 1 MiB", diskSize>>20, i)
		case err == nil && status == http.StatusNoContent:
			acked = append(acked, i)
			refused = 0
		case err == nil && status == http.StatusInsufficientStorage:
			if refused++; refused == 1 {
				t.Logf("after %d blocks: %s", len(acked), body)
			}
		case err != nil || status != http.StatusGatewayTimeout: // a busy machine's disk stalls
			t.Fatalf("a put on a disk that fills, after %d blocks: %d %s %v", len(acked), status, body, err)
		}
	}
	return acked
}

// lookEvery is a little more than a second, as often as a store looks at its disk.
const lookEvery = 1200 * time.Millisecond

// room is how many bytes are free.
func room(t *testing.T, dir string) int64 {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	return int64(disk.Bavail) * disk.Bsize //nolint:gosec // a small disk
}

// readBlocks holds the blocks against what was acknowledged.
func readBlocks(t *testing.T, n *cluster.Node, acked []int) {
	t.Helper()
	for _, i := range acked {
		status, body, err := sendWith(t, http.MethodGet, n, bucket, fmt.Sprint(i), patiently, nil)
		if err != nil || status != http.StatusOK || string(body) != string(blockOf(i)) {
			t.Errorf("block %d reads %d and %d bytes, %v", i, status, len(body), err)
		}
	}
}
