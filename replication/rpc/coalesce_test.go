package rpc

import (
	"bufio"
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// countedConn counts the writes on a connection that nobody reads.
type countedConn struct {
	net.Conn
	writes, bytes atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}

func (c *countedConn) Close() error { return nil }

func TestFramesOfAllWhoAreReadyGoInOneWrite(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that it is the writer's doing, and no other core's
	conn := &countedConn{}
	w := newWire(conn, bufio.NewReader(conn), &atomic.Int64{}, limits{1 << 20, 1 << 20, 1 << 20})
	var writer, senders sync.WaitGroup
	writer.Go(w.write)
	const frames = 50
	size := len(appendFrame(nil, &frame{kind: kindAnswer, id: 1, body: make([]byte, 100)}))
	for range frames {
		senders.Go(func() {
			if err := w.send(&frame{kind: kindAnswer, id: 1, body: make([]byte, 100)}); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	for conn.bytes.Load() < int64(frames*size) {
		runtime.Gosched()
	}
	w.end(errors.New("the test is over"))
	writer.Wait()
	if writes := conn.writes.Load(); writes > frames/5 {
		t.Errorf("%d frames went in %d writes, want %d at most", frames, writes, frames/5)
	}
}
