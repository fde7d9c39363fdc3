package api

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The limits of a listener's connections, each against one way of holding it for
// nothing.
const (
	// headerTimeout is far above what any network needs for a few kilobytes.
	headerTimeout = 10 * time.Second
	// readTimeout lets the largest value through at 200 KiB a second. Listings lift
	// it for themselves.
	readTimeout = 90 * time.Second
	// writeTimeout is the longest request (request.MaxTimeout) and the time to send
	// its answer. Listings renew it as they go.
	writeTimeout = 150 * time.Second
	// idleTimeout is above the 60 s of usual proxies and the 90 s of Go's client, so
	// that the other side closes first and no request meets a closing connection.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes holds the longest key three times over (escaped), 8 KiB of
	// metadata and a context of some thousand process starts.
	maxHeaderBytes = 128 << 10
	// maxConns is far above the connections that a node can serve well, and what they
	// hold, headers and buffers, stays below a gibibyte. More wait to be accepted.
	maxConns = 4096
)

// Front is an http.Server whose connections are bounded, and which tells when the last
// of their goroutines has ended.
type Front struct {
	*http.Server
	slots   chan struct{} // a token for each connection
	waiting sync.Once
}

// NewServer returns a server for h with the limits set that net/http leaves open, and
// with log for what net/http has to say. The caller serves, closes and waits for it.
func NewServer(h http.Handler, log *slog.Logger) *Front {
	f := &Front{slots: make(chan struct{}, maxConns)}
	f.Server = &http.Server{
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed || state == http.StateHijacked {
				<-f.slots // the last that a connection's goroutine does
			}
		},
	}
	return f
}

// Serve serves the connections of l, so many at once.
func (f *Front) Serve(l net.Listener) error {
	return f.Server.Serve(&bounded{Listener: l, slots: f.slots, closed: make(chan struct{})})
}

// Wait returns once no connection's goroutine is left. It comes after Close.
func (f *Front) Wait() {
	f.waiting.Do(func() {
		for range cap(f.slots) {
			f.slots <- struct{}{}
		}
	})
}

// bounded is a listener that accepts a connection only when there is a slot for it.
type bounded struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

// Accept waits for a slot, and then for a connection.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.slots <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	conn, err := b.Listener.Accept()
	if err != nil {
		<-b.slots
	}
	return conn, err
}

// Close ends the wait for a slot too.
func (b *bounded) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Listener.Close()
}
