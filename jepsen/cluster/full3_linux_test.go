package cluster_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/cluster"
)

// TestAFullDiskOfOneIsNobodyElsesTrouble fills the disk of one of three nodes under load.
// The others fail no request; that node refuses with 507, or hands on, and says so; with
// room again it goes on without a restart.
func TestAFullDiskOfOneIsNobodyElsesTrouble(t *testing.T) {
	path := binary(t)
	if os.Geteuid() != 0 {
		t.Skip("mounts a small file system, which needs root")
	}
	dir := t.TempDir()
	data := mountDisk(t, filepath.Join(dir, "n1", "data"))
	c := cluster.Run(t, cluster.Options{Binary: path, Dir: dir})
	n1, n2, n3 := c.Nodes()[0], c.Nodes()[1], c.Nodes()[2]
	load := putThrough(t, n2, n3)

	inflate(t, data, 2<<20) // between the marks: a twentieth of the disk, and a quarter of that
	cluster.Eventually(t, patience, "n1 says that it is short of room", func() (bool, string) {
		out := henge(t, c, "status")
		return strings.Contains(out, "ALARM: n1: the disk is "), out
	})
	handedOn(t, n1)
	if metric(t, n1, "henge_store_space_level") == 0 {
		t.Error("the metric of the disk's room says that there is enough")
	}
	inflate(t, data, 0) // nothing is left
	more := load.done.Load() + 200
	cluster.Eventually(t, patience, "puts through the others", func() (bool, string) { return load.done.Load() > more, "too few puts" })
	handedOn(t, n1)

	pid := n1.PID()
	if err := os.Remove(filepath.Join(data, "balloon")); err != nil {
		t.Fatal(err)
	}
	took := cluster.Eventually(t, patience, "n1 goes on", func() (bool, string) {
		out := henge(t, c, "status")
		return !strings.Contains(out, "ALARM: n1"), out
	})
	t.Logf("room again was noticed after %s", took.Round(time.Millisecond))
	if n1.PID() != pid || pid == 0 {
		t.Errorf("the process is %d, and was %d", n1.PID(), pid)
	}
	load.stop(t)
	if status, body, err := send(t, http.MethodPut, n1, bucket, "again", blockOf(1)); err != nil || status != http.StatusNoContent {
		t.Errorf("a put with room again: %d %s %v", status, body, err)
	}
	cluster.Eventually(t, patience, "all replicas are alike", func() (bool, string) {
		out, err := c.Command(t.Context(), "verify", "--repair").CombinedOutput()
		return err == nil, string(out)
	})
}

// handedOn puts through a node that is short of room: each put is taken, by others, or
// refused for that reason.
func handedOn(t *testing.T, n *cluster.Node) {
	t.Helper()
	taken := 0
	for i := range 20 {
		status, body, err := send(t, http.MethodPut, n, bucket, fmt.Sprintf("full%d", i), []byte("x"))
		switch {
		case err == nil && status == http.StatusNoContent:
			taken++
		case err != nil || status != http.StatusInsufficientStorage:
			t.Errorf("a put through %s: %d %s %v, want 204 or 507", n.Name, status, body, err)
		}
	}
	t.Logf("%d of 20 puts through %s were taken, the others refused with 507", taken, n.Name)
}

// inflate fills a disk with a file, up to so many bytes.
func inflate(t *testing.T, dir string, left int64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "balloon"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // nobody reads it
	chunk := make([]byte, 64<<10)
	for {
		var st syscall.Statfs_t
		if err := syscall.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		if int64(st.Bavail)*st.Bsize <= left { //nolint:gosec // a small disk
			return
		}
		if _, err := f.Write(chunk); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				return
			}
			t.Fatal(err)
		}
	}
}

// putting is load of small puts and gets through nodes, none of which may fail.
type putting struct {
	done   atomic.Int64
	end    chan struct{}
	wg     sync.WaitGroup
	mu     sync.Mutex
	failed []string
}

func putThrough(t *testing.T, nodes ...*cluster.Node) *putting {
	t.Helper()
	p := &putting{end: make(chan struct{})}
	for w := range 4 {
		p.wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-p.end:
					return
				default:
				}
				n, key := nodes[(w+i)%len(nodes)], fmt.Sprintf("w%d-%d", w, i%50)
				p.one(t, http.MethodPut, n, key, noiseOf(i), http.StatusNoContent)
				p.one(t, http.MethodGet, n, key, nil, http.StatusOK)
			}
		})
	}
	return p
}

func (p *putting) one(t *testing.T, method string, n *cluster.Node, key string, value []byte, want int) {
	status, body, err := send(t, method, n, bucket, key, value)
	if err == nil && status == want {
		p.done.Add(1)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = append(p.failed, fmt.Sprintf("%s %s through %s: %d %.300s %v", method, key, n.Name, status, body, err))
}

func (p *putting) stop(t *testing.T) {
	t.Helper()
	close(p.end)
	p.wg.Wait()
	t.Logf("%d requests through the others, %d failed", p.done.Load(), len(p.failed))
	for _, text := range p.failed[:min(maxTold, len(p.failed))] {
		t.Error(text)
	}
}
