package rpc

import (
	"context"
	"net"
)

// Network dials and listens. A simulation replaces it, and TLS would wrap it.
type Network interface {
	Dial(ctx context.Context, addr string) (net.Conn, error)
	Listen(addr string) (net.Listener, error)
}

// TCP is the real network.
type TCP struct{}

var _ Network = TCP{}

// Dial connects to addr, host:port.
func (TCP) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

// Listen listens on addr, host:port.
func (TCP) Listen(addr string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
}
