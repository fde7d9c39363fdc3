package client_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/api/client"
)

// inBubble is a test in a bubble of its own.
func inBubble(f func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

// openNode opens a node in memory.
func openNode(t *testing.T) *henge.Node {
	t.Helper()
	node, err := henge.Open(t.Context(), "node", henge.Options{Partitions: 8, Seams: henge.Seams{FS: vfs.NewMem()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := node.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return node
}

// dial makes a client of what h serves over real sockets.
func dial(t *testing.T, h ...http.Handler) *client.Client {
	t.Helper()
	o := client.Options{Pinned: true}
	for _, h := range h {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		o.URLs = append(o.URLs, server.URL)
	}
	return open(t, o)
}

// dialInBubble makes a client of what h serves, for a test that counts tries or has
// time to pass: on a busy machine a client may ask twice over real sockets.
func dialInBubble(t *testing.T, h ...http.Handler) *client.Client {
	t.Helper()
	hosts := make(map[string]pipes)
	o := client.Options{Pinned: true, HTTP: &http.Client{Transport: &http.Transport{
		DialContext:           func(ctx context.Context, _, addr string) (net.Conn, error) { return hosts[addr].dial(ctx) },
		ExpectContinueTimeout: time.Second, // what is too large is not sent, as with the client's own transport
	}}}
	for i, h := range h {
		host, l := fmt.Sprintf("n%d", i), newPipes()
		hosts[host+":80"] = l
		server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(l) }) // until it is closed
		t.Cleanup(func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			serving.Wait()
		})
		o.URLs = append(o.URLs, "http://"+host)
	}
	return open(t, o)
}

// pipes is a listener in memory whose connections have deadlines, as net/http wants.
type pipes struct {
	dialed chan net.Conn
	closed chan struct{}
}

var _ net.Listener = pipes{}

func newPipes() pipes { return pipes{make(chan net.Conn), make(chan struct{})} }

func (p pipes) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.dialed <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialed:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// open makes a client that is closed at the test's end.
func open(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}
