package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// What is read back through a node must come from there: a client that learned who
// holds a key would ask that one.
func TestReadingBackAsksEachNodeItself(t *testing.T) {
	var asked [2]atomic.Int64
	var servers [2]*httptest.Server
	member := func(i int) request.MemberStatus {
		return request.MemberStatus{ID: ring.NodeID(i + 1), HTTP: strings.TrimPrefix(servers[i].URL, "http://"), Health: "up"}
	}
	for i := range servers {
		servers[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var answer any
			switch {
			case strings.Contains(r.URL.Path, "/keys/"):
				asked[i].Add(1)
				w.Header().Set(wire.Siblings, "1")
				return
			case r.URL.Path == wire.Layout: // the first holds everything
				node := func(i int) request.LayoutNode {
					return request.LayoutNode{ID: ring.NodeID(i + 1), HTTP: member(i).HTTP, Up: true}
				}
				answer = request.Layout{Partitions: 1, Nodes: []request.LayoutNode{node(0), node(1)}, Replicas: [][]int{{0}}}
			default:
				answer = request.Status{Node: ring.NodeID(i + 1), Ready: true, Members: []request.MemberStatus{member(0), member(1)}}
			}
			_ = json.NewEncoder(w).Encode(answer) // the client's read tells
		}))
		t.Cleanup(servers[i].Close)
	}
	target := bucketTarget{target: target{urls: []string{servers[0].URL}}, bucket: "default"}
	nodes, err := target.nodes(t.Context())
	if err != nil || len(nodes) != 2 {
		t.Fatalf("%d nodes, %v; want 2", len(nodes), err)
	}
	const reads = 200
	for range reads {
		if _, err := nodes[1].Get(t.Context(), "k", request.ReadOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked[1].Load(); n != reads {
		t.Errorf("%d of %d reads through a node were sent to it", n, reads)
	}
}
