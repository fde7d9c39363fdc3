package henge_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/replication/rpc"
)

// metered is a network with what is read from it counted.
type metered struct {
	rpc.Network
	read *atomic.Int64
}

func (m metered) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := m.Network.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return meteredConn{conn, m.read}, nil
}

func (m metered) Listen(addr string) (net.Listener, error) {
	l, err := m.Network.Listen(addr)
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
	metered := func(o *henge.Options) {
		o.Partitions, o.Replicas = 32, 1
		o.Seams.Network = metered{o.Seams.Network, &read}
	}
	inClusterOf(t, 3, metered, func(t *testing.T, c *testCluster) {
		const size = 1 << 20
		if _, err := c.nodes[0].Bucket("default").Put(t.Context(), "k", make([]byte, size), henge.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, head := range []bool{true, false} {
			synctest.Wait()
			before := read.Load()
			for _, node := range c.nodes {
				value, err := node.Bucket("default").Get(t.Context(), "k", henge.ReadOptions{NoValue: head})
				if err != nil || value.Siblings[0].Size != size {
					t.Fatalf("%+v, %v", value, err)
				}
			}
			if moved := read.Load() - before; moved < size == !head {
				t.Errorf("NoValue %v: %d bytes went between nodes for a value of %d", head, moved, size)
			}
		}
	})
}
