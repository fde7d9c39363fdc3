//go:build unix

package cluster_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hengedb/henge/jepsen/cluster"
)

// gauge reads one number that a node shows.
func gauge(t *testing.T, n *cluster.Node, name string) (value float64) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), "henge_"+name+" "); found {
			if value, err = strconv.ParseFloat(text, 64); err != nil {
				t.Fatal(err)
			}
			return value
		}
	}
	t.Fatalf("%s shows no %s", n.Name, name)
	return 0
}

// TestANodeRestoredFromAnOlderCopyIsFencedAndFilled puts a copy of a node's data directory
// back that is older than what was deleted, and reaped.
func TestANodeRestoredFromAnOlderCopyIsFencedAndFilled(t *testing.T) {
	c := run(t)
	n1, n2, n3 := c.Nodes()[0], c.Nodes()[1], c.Nodes()[2]
	henge(t, c, "settings", "set", "grace_ms=1")
	const all, gone = 300, 200
	key := func(i int) string { return fmt.Sprintf("key-%d", i) }
	put := func(n *cluster.Node, method string, i int, body string) {
		t.Helper()
		if status, said, err := send(t, method, n, "default", key(i), []byte(body)); err != nil || status != http.StatusNoContent {
			t.Fatalf("%s %s: %d %s %v", method, key(i), status, said, err)
		}
	}
	for i := range all {
		put(n1, http.MethodPut, i, "old")
	}
	copied := filepath.Join(t.TempDir(), "copy")
	stopped := func(then func() error) {
		t.Helper()
		err := n3.Stop(t.Context())
		if err == nil {
			err = then()
		}
		if err == nil {
			err = n3.Start(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	stopped(func() error { return os.CopyFS(copied, os.DirFS(n3.Data)) })
	for i := range gone {
		put(n2, http.MethodDelete, i, "")
	}
	for i := gone; i < all; i++ {
		put(n2, http.MethodPut, i, "new")
	}
	cluster.Eventually(t, changing, "what is deleted is reaped", func() (bool, string) {
		left, reaped := 0.0, 0.0
		for _, n := range c.Nodes() {
			left, reaped = left+gauge(t, n, "deleted_keys")+gauge(t, n, "exchange_trees_unknown"), reaped+gauge(t, n, "reaped_keys_total")
		}
		return left == 0 && reaped >= 3*gone, fmt.Sprintf("%v left, %v reaped", left, reaped)
	})
	stopped(func() error {
		if err := os.RemoveAll(n3.Data); err != nil {
			return err
		}
		return os.CopyFS(n3.Data, os.DirFS(copied))
	})
	right := func(n *cluster.Node) {
		t.Helper()
		for i := range all {
			want, value := http.StatusNotFound, ""
			if i >= gone {
				want, value = http.StatusOK, "new"
			}
			status, said, err := send(t, http.MethodGet, n, "default", key(i), nil)
			if err != nil || status != want || value != "" && string(said) != value {
				t.Errorf("%s through %s: %d %s %v, want %d", key(i), n.Name, status, said, err, want)
			}
		}
	}
	for _, n := range c.Nodes() {
		right(n)
	}
	cluster.Eventually(t, changing, "it is filled again", func() (bool, string) {
		s, err := n3.Status(t.Context())
		return err == nil && s.SetAside.Fenced == 0 && s.SetAside.Objects >= gone, fmt.Sprintf("%+v, %v", s.SetAside, err)
	})
	for _, n := range c.Nodes() {
		right(n)
	}
	henge(t, c, "verify")
	if out := henge(t, c, "salvage", "list", "--url", n3.URL); !strings.Contains(out, fmt.Sprintf("%d values are lacking", gone)) {
		t.Errorf("salvage list says %s", out)
	}
	if out := henge(t, c, "status"); !strings.Contains(out, "set aside: n3 keeps") || strings.Contains(out, "ALARM") {
		t.Errorf("status says %s", out)
	}
}
