//go:build unix

package cluster_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hengedb/henge/jepsen/cluster"
)

// bystanders put and get through given nodes while others are broken, each request
// sent once: none may fail.
type bystanders struct {
	end    chan struct{}
	nodes  int
	wg     sync.WaitGroup
	sent   atomic.Int64
	leaves bool // the node may go: then it refuses, or says that it goes

	mu     sync.Mutex
	failed []string
}

// beside is the bucket they write to.
const beside = "beside"

// perNode is how many clients each node has: enough that a stalled request of one
// leaves others to notice.
const perNode = 2

func startBystanders(t *testing.T, nodes ...*cluster.Node) *bystanders {
	b := &bystanders{end: make(chan struct{}), nodes: len(nodes)}
	for _, n := range nodes {
		for i := range perNode {
			b.wg.Go(func() { b.run(t, n, i) })
		}
	}
	return b
}

// run puts one key after another and reads each back.
func (b *bystanders) run(t *testing.T, n *cluster.Node, client int) {
	for turn := 0; ; turn++ {
		select {
		case <-b.end:
			return
		default:
		}
		key := fmt.Sprintf("%s-%d-%d", n.Name, client, turn)
		b.ask(t, n, http.MethodPut, key, http.StatusNoContent)
		b.ask(t, n, http.MethodGet, key, http.StatusOK)
	}
}

func (b *bystanders) ask(t *testing.T, n *cluster.Node, method, key string, want int) {
	var value []byte
	if method == http.MethodPut {
		value = []byte(key)
	}
	status, body, err := send(t, method, n, beside, key, value)
	b.sent.Add(1)
	if err == nil && status == want && (method == http.MethodPut || string(body) == key) {
		return
	}
	// A server that closes an idle connection may meet a request on its way: that one was
	// not taken, and HTTP/1.1 has no other word for it (RFC 9112, section 9.5).
	// Package net/http has a word of its own for the last case, which it does not export.
	closing := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) ||
		err != nil && strings.Contains(err.Error(), "server closed idle connection")
	if b.leaves && (status == http.StatusServiceUnavailable || closing) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = append(b.failed, fmt.Sprintf("%s %s through %s: %d %s %v", method, key, n.Name, status, body, err))
}

// stop waits for the last requests and fails the test if any failed.
func (b *bystanders) stop(t *testing.T) {
	t.Helper()
	close(b.end)
	b.wg.Wait()
	t.Logf("beside: %d requests through nodes that were not broken, %d failed", b.sent.Load(), len(b.failed))
	for i, text := range b.failed {
		if t.Errorf("%s", text); i == 9 {
			break
		}
	}
	if b.nodes > 0 && b.sent.Load() == 0 {
		t.Error("nothing was sent beside")
	}
}
