package api

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// Connections beyond the bound wait to be accepted, and Wait leaves no handler behind:
// in a bubble a goroutine that is left is a deadlock.
func TestConnectionsAreBoundedAndWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var working, most atomic.Int64
		end := make(chan struct{})
		f := NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			most.Store(max(most.Load(), working.Add(1)))
			defer working.Add(-1)
			<-end
			w.WriteHeader(http.StatusNoContent)
		}), slog.New(slog.DiscardHandler))
		f.slots = make(chan struct{}, 2)
		l := pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- f.Serve(l) }()
		for range 2 {
			ours, theirs := net.Pipe()
			l.conns <- theirs
			if _, err := io.WriteString(ours, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		select {
		case l.conns <- nil:
			t.Error("a third connection is accepted")
		default:
		}
		if working.Load() != 2 || most.Load() != 2 {
			t.Errorf("%d handlers are at work", working.Load())
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
		time.AfterFunc(time.Second, func() { close(end) })
		f.Wait()
		if left := working.Load(); left != 0 {
			t.Errorf("%d handlers are left", left)
		}
		f.Wait() // nothing is left to wait for
	})
}
