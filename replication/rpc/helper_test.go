package rpc

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge/replication/rpc/memnet"
	"github.com/hengedb/henge/ring"
)

// The methods of the tests.
const (
	methodEcho Method = 1 // inline
	methodHang Method = 2 // until its context ends
	methodGate Method = 3 // until the test lets it go
)

// node is an endpoint on a host of its own, which echoes.
type node struct {
	*Endpoint
	host string
	log  *bytes.Buffer
	gate chan struct{}
	hung chan error // why a methodHang ended
	seen chan Request
}

// newNode serves at host:1. It is closed at the end of the test, if nobody did.
func newNode(t *testing.T, n *memnet.Network, host string, id ring.NodeID, change func(*Options)) *node {
	t.Helper()
	s := &node{host: host, log: &bytes.Buffer{}, gate: make(chan struct{}), hung: make(chan error, 1024), seen: make(chan Request, 4096)}
	o := Options{
		Self:    func() Hello { return Hello{Node: id, Nonce: 1, Name: host} },
		Network: n.Host(host), Logger: slog.New(slog.NewTextHandler(s.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	var err error
	if s.Endpoint, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.Handle(methodEcho, Inline, func(_ context.Context, r *Request) ([]byte, error) {
		s.seen <- *r
		return r.Body, nil
	})
	s.Handle(methodHang, Spawn, func(ctx context.Context, r *Request) ([]byte, error) {
		s.seen <- *r
		<-ctx.Done()
		s.hung <- context.Cause(ctx)
		return nil, context.Cause(ctx)
	})
	s.Handle(methodGate, Spawn, func(ctx context.Context, r *Request) ([]byte, error) {
		s.seen <- *r
		select {
		case <-s.gate:
		case <-ctx.Done():
		}
		return r.Body, nil
	})
	l, err := n.Host(host).Listen(host + ":1")
	if err != nil {
		t.Fatal(err)
	}
	s.Serve(l)
	return s
}

func (s *node) target() Target { return Target{Addr: s.host + ":1", ID: s.o.Self().Node} }

// mustEcho demands that a small call to s is answered, at once.
func mustEcho(t *testing.T, from, s *node) {
	t.Helper()
	started := time.Now()
	body, err := from.Call(t.Context(), s.target(), Call{Method: methodEcho, Body: []byte("ping")})
	if err != nil || string(body) != "ping" {
		t.Fatalf("echo from %s: %q, %v", s.host, body, err)
	}
	if took := time.Since(started); took > 0 {
		t.Errorf("echo from %s took %v of virtual time", s.host, took)
	}
}

// stranger is a raw connection to s, past the hello.
func stranger(t *testing.T, n *memnet.Network, s *node) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := n.Host("stranger").Dial(t.Context(), s.host+":1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := writeHello(conn, Hello{Node: 99}, nil); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if _, err := readHello(in); err != nil {
		t.Fatal(err)
	}
	if verdict, err := readText(in); err != nil || len(verdict) > 0 {
		t.Fatalf("verdict %q, %v", verdict, err)
	}
	return conn, in
}

// acceptor answers hello on one connection after another and hands them out.
func acceptor(t *testing.T, n *memnet.Network, host string, hello Hello) (<-chan *wire, Target) {
	t.Helper()
	l, err := n.Host(host).Listen(host + ":1")
	if err != nil {
		t.Fatal(err)
	}
	wires := make(chan *wire, 16)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			welcome := ""
			if _, err = readHello(in); err == nil {
				err = writeHello(conn, hello, &welcome)
			}
			if err != nil {
				_ = conn.Close()
				continue
			}
			wires <- newWire(conn, in, &(&Endpoint{}).held, limits{1 << 30, 1 << 30, 1 << 40})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
		for len(wires) > 0 {
			_ = (<-wires).conn.Close()
		}
	})
	return wires, Target{ID: hello.Node, Addr: host + ":1"}
}
