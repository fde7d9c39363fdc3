package client_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/api/client"
)

// openThree opens three nodes of which each key lives on one.
func openThree(t *testing.T) []*henge.Node {
	t.Helper()
	dir := t.TempDir()
	nodes := make([]*henge.Node, 3)
	for i := range nodes {
		o := henge.Options{
			Name: fmt.Sprintf("n%d", i+1), HTTP: "127.0.0.1:0", RPC: "127.0.0.1:0", Gossip: "127.0.0.1:0",
			LocalGossip: true, Partitions: 32, Replicas: 1,
		}
		if i == 0 {
			o.Init, o.Expect = true, len(nodes)
		} else {
			o.Join = []string{nodes[0].Addrs().Gossip}
		}
		node, err := henge.Open(t.Context(), filepath.Join(dir, o.Name), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = node.Close() }) // the test closes one
		nodes[i] = node
	}
	for _, node := range nodes {
		if err := node.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return nodes
}

// forwards sums a counter of all nodes, as Prometheus reads it.
func forwards(t *testing.T, nodes []*henge.Node) (sum int) {
	t.Helper()
	for _, node := range nodes {
		families, err := node.Metrics().Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "henge_forwards_total" {
				sum += int(f.GetMetric()[0].GetCounter().GetValue())
			}
		}
	}
	return sum
}

// After its first answer a client that was given one node knows them all, and asks
// a key's own node: nothing is forwarded any more.
func TestTheClientAsksAReplica(t *testing.T) {
	nodes := openThree(t)
	c, err := client.New(client.Options{URLs: []string{"http://" + nodes[0].Addrs().HTTP}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	b := c.Bucket("default")
	patient := henge.WriteOptions{Timeout: 20 * time.Second} // on a busy machine
	if _, err := b.Put(t.Context(), "first", []byte("v"), patient); err != nil {
		t.Fatal(err)
	}
	settled := false
	for round := 0; round < 200 && !settled; round++ {
		before := forwards(t, nodes)
		for i := range 20 {
			if _, err := b.Put(t.Context(), strconv.Itoa(i), []byte("v"), patient); err != nil {
				t.Fatal(err)
			}
		}
		settled = forwards(t, nodes) == before
	}
	if !settled {
		t.Fatal("the client never learned whom to ask")
	}
	before := forwards(t, nodes)
	for i := range 100 {
		if _, err := b.Get(t.Context(), strconv.Itoa(i%20), henge.ReadOptions{Timeout: 20 * time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	if more := forwards(t, nodes) - before; more > 0 {
		t.Errorf("%d of 100 gets were forwarded", more)
	}
	// What is asked of the wrong node is served all the same, by one hop.
	for _, node := range nodes {
		response, err := http.Get("http://" + node.Addrs().HTTP + "/v1/buckets/default/keys/7?timeout=20s")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if closed := response.Body.Close(); err != nil || closed != nil || string(body) != "v" {
			t.Errorf("%s: %q, %v", node.Addrs().HTTP, body, err)
		}
	}
	if more := forwards(t, nodes) - before; more != 2 {
		t.Errorf("%d hops of three requests, want 2", more)
	}
}

func TestOptionsThatContradictAreRefused(t *testing.T) {
	for name, o := range map[string]client.Options{
		"no URL":                 {},
		"a URL without a scheme": {URLs: []string{"127.0.0.1:7420"}},
		"a URL of another sort":  {URLs: []string{"ftp://x"}},
		"a URL that is broken":   {URLs: []string{"http://u:secret@x:%zz"}},
		"a URL with a password":  {URLs: []string{"http://u:secret@x"}},
		"fewer than no conns":    {URLs: []string{"http://x"}, MaxConns: -1},
		"a timeout that is past": {URLs: []string{"http://x"}, Timeout: -1},
	} {
		if _, err := client.New(o); err == nil {
			t.Errorf("%s: a client was made", name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells a password: %v", name, err)
		}
	}
}
