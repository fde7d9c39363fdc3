package henge_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/replication/rpc"
)

// metered is the real network, with what is read from it counted.
type metered struct {
	rpc.TCP
	read *atomic.Int64
}

func (m metered) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := m.TCP.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return meteredConn{conn, m.read}, nil
}

func (m metered) Listen(addr string) (net.Listener, error) {
	l, err := m.TCP.Listen(addr)
	if err != nil {
		return nil, err
	}
	return meteredListener{l, m.read}, nil
}

type meteredListener struct {
	net.Listener
	read *atomic.Int64
}

func (l meteredListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return meteredConn{conn, l.read}, nil
}

type meteredConn struct {
	net.Conn
	read *atomic.Int64
}

func (c meteredConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// A HEAD moves no value between nodes, whichever node is asked, while a GET does.
func TestAHeadMovesNoValue(t *testing.T) {
	var read atomic.Int64
	dir := t.TempDir()
	var nodes []*henge.Node
	for i := range 3 {
		o := henge.Options{
			Name: fmt.Sprintf("n%d", i+1), RPC: "127.0.0.1:0", Gossip: "127.0.0.1:0", LocalGossip: true, Partitions: 32, Replicas: 1,
			Seams: henge.Seams{Network: metered{read: &read}},
		}
		if i == 0 {
			o.Init, o.Expect = true, 3
		} else {
			o.Join = []string{nodes[0].Addrs().Gossip}
		}
		nodes = append(nodes, open(t, filepath.Join(dir, o.Name), o))
	}
	for _, node := range nodes {
		if err := node.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const size = 1 << 20
	if _, err := nodes[0].Bucket("default").Put(t.Context(), "k", make([]byte, size), henge.WriteOptions{Timeout: 20 * time.Second}); err != nil {
		t.Fatal(err)
	}
	for _, head := range []bool{true, false} {
		before := read.Load()
		for _, node := range nodes {
			value, err := node.Bucket("default").Get(t.Context(), "k", henge.ReadOptions{NoValue: head, Timeout: 20 * time.Second})
			if err != nil || value.Siblings[0].Size != size {
				t.Fatalf("%+v, %v", value, err)
			}
		}
		if moved := read.Load() - before; moved < size == !head {
			t.Errorf("NoValue %v: %d bytes went between nodes for a value of %d", head, moved, size)
		}
	}
}
