//go:build unix

package cluster_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hengedb/henge/jepsen/cluster"
)

const (
	damagedKeys   = 400
	damagedBucket = "default"
)

// noiseOf is the i-th value: of 1 KiB, which no store compresses.
func noiseOf(i int) []byte {
	b := make([]byte, 1<<10)
	_, _ = rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), 1}).Read(b) // never fails
	return b
}

// TestAFlippedByteIsHealed flips one byte of a table of one node. Every read through any
// node is right all the while, the node's own copy is whole again, and it says so.
func TestAFlippedByteIsHealed(t *testing.T) {
	c := cluster.Run(t, cluster.Options{Binary: binary(t)})
	n1, n2, n3 := c.Nodes()[0], c.Nodes()[1], c.Nodes()[2]
	eachKey(func(i int) {
		if status, body, err := send(t, http.MethodPut, n1, damagedBucket, fmt.Sprint(i), noiseOf(i)); err != nil || status != http.StatusNoContent {
			t.Errorf("put: %d %s %v", status, body, err)
		}
	})
	for range 2 { // what is in the log becomes a table at a start
		if err := n2.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := n2.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := n2.Kill(); err != nil {
		t.Fatal(err)
	}
	table := flipByte(t, n2)
	if err := n2.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	seeEachOther(t, c.Nodes())
	cluster.Eventually(t, patience, "the damage is rebuilt", func() (bool, string) {
		reads(t, "", n1, n2, n3)
		healed := metric(t, n2, "henge_heal_tables_total")
		return healed > 0 && metric(t, n2, "henge_heal_damages") == 0, fmt.Sprint(healed)
	})
	t.Logf("%s: %v corrupt blocks met, %v objects fetched from other replicas", table,
		metric(t, n2, "henge_store_corruptions_total"), metric(t, n2, "henge_heal_fetched_total"))
	if metric(t, n2, "henge_store_corruptions_total") == 0 || metric(t, n2, "henge_heal_fetched_total") == 0 {
		t.Error("the metrics tell nothing of the damage")
	}
	reads(t, "r=1", n2) // its own copy, and no other
	if out := henge(t, c, "status"); !strings.Contains(out, "ALARM: n2: table "+table+" was damaged on the disk, and was rebuilt from the other replicas") {
		t.Errorf("henge status does not tell:\n%s", out)
	}
	if raw, err := os.ReadFile(n2.Log); err != nil || !strings.Contains(string(raw), "damage was rebuilt from the other replicas") {
		t.Errorf("the log does not tell: %v", err)
	}
	if out := henge(t, c, "verify"); strings.Contains(out, "differ: ") {
		t.Errorf("henge verify:\n%s", out)
	}
}

// eachKey calls f for each key, several at once.
func eachKey(f func(i int)) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < damagedKeys; i += 8 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// reads checks every key through nodes.
func reads(t *testing.T, query string, nodes ...*cluster.Node) {
	t.Helper()
	for _, n := range nodes {
		eachKey(func(i int) {
			status, body, err := ask(t, http.MethodGet, n, "/v1/buckets/"+damagedBucket+"/keys/"+fmt.Sprint(i)+"?"+query, nil)
			if err != nil || status != http.StatusOK || string(body) != string(noiseOf(i)) {
				t.Errorf("key %d through %s reads %d and %d bytes, %v", i, n.Name, status, len(body), err)
			}
		})
	}
}

// metric is a metric's value as a node tells it; it fails the test when there is none.
func metric(t *testing.T, n *cluster.Node, name string) (value float64) {
	t.Helper()
	status, body, err := ask(t, http.MethodGet, n, "/metrics", nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("metrics of %s: %d, %v", n.Name, status, err)
	}
	for line := range strings.Lines(string(body)) {
		if of, text, _ := strings.Cut(strings.TrimSpace(line), " "); of == name {
			if _, err := fmt.Sscan(text, &value); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return value
		}
	}
	t.Fatalf("%s has no metric %s", n.Name, name)
	return 0
}

// flipByte flips a byte among the objects in the largest table of a node that does not
// run, and returns the table's name.
func flipByte(t *testing.T, n *cluster.Node) string {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(n.Data, "db", "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	largest, size := "", int64(0)
	for _, path := range tables {
		if info, err := os.Stat(path); err == nil && info.Size() > size {
			largest, size = path, info.Size()
		}
	}
	if size < damagedKeys<<9 {
		t.Fatalf("of %d tables the largest has %d bytes", len(tables), size)
	}
	f, err := os.OpenFile(largest, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // what was written is read by others
	at := size/3 + rand.Int64N(size/3)
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x20
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	t.Logf("a byte of %s flipped, at %d of %d", filepath.Base(largest), at, size)
	return filepath.Base(largest)
}
