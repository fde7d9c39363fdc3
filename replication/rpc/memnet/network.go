package memnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
)

// What a dialer and the ends of a connection are told.
var (
	errRefused = errors.New("connection refused")
	errReset   = errors.New("connection reset")
)

// Network is where hosts meet. The zero value is not usable; New makes one.
type Network struct {
	mu        sync.Mutex // guards everything here and in what hangs on it
	changed   *sync.Cond
	listeners map[string]*listener
	conns     map[*conn]struct{}
	cuts      map[[2]string]bool
}

// New makes a network on which nobody listens.
func New() *Network {
	n := &Network{listeners: make(map[string]*listener), conns: make(map[*conn]struct{}), cuts: make(map[[2]string]bool)}
	n.changed = sync.NewCond(&n.mu)
	return n
}

// Host is the network as one machine sees it; addresses begin with its name.
func (n *Network) Host(name string) *Host { return &Host{net: n, name: name} }

// Host dials and listens under one name.
type Host struct {
	net  *Network
	name string
}

// Cut holds up everything between two hosts, new connections included, until Mend.
func (n *Network) Cut(a, b string) { n.set(a, b, true) }

// Mend ends a cut: what was held up arrives.
func (n *Network) Mend(a, b string) { n.set(a, b, false) }

func (n *Network) set(a, b string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts[[2]string{a, b}], n.cuts[[2]string{b, a}] = cut, cut
	n.changed.Broadcast()
}

// Kill resets every connection of a host and frees its addresses, as the end of a
// process does.
func (n *Network) Kill(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for addr, l := range n.listeners {
		if hostOf(addr) == name {
			l.closed = true
			delete(n.listeners, addr)
		}
	}
	for c := range n.conns {
		if c.from == name {
			c.resetLocked()
			c.peer.resetLocked()
		}
	}
	n.changed.Broadcast()
}

// Listen listens on addr, whose port is any text.
func (h *Host) Listen(addr string) (net.Listener, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.net.listeners[addr] != nil || hostOf(addr) != h.name {
		return nil, fmt.Errorf("listen on %s at %s: address in use or not its own", addr, h.name)
	}
	l := &listener{net: h.net, addr: address(addr)}
	h.net.listeners[addr] = l
	return l, nil
}

// Dial connects to addr. It is refused at once where nobody listens, and waits for
// ctx while a cut lies between.
func (h *Host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	n := h.net
	stop := context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.changed.Broadcast()
	})
	defer stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.cuts[[2]string{h.name, hostOf(addr)}] && ctx.Err() == nil {
		n.changed.Wait()
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	l := n.listeners[addr]
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", addr, errRefused)
	}
	ours := &conn{net: n, from: h.name, to: hostOf(addr)}
	theirs := &conn{net: n, from: ours.to, to: h.name, peer: ours}
	ours.peer = theirs
	n.conns[ours], n.conns[theirs] = struct{}{}, struct{}{}
	l.backlog = append(l.backlog, theirs)
	n.changed.Broadcast()
	return ours, nil
}

func hostOf(addr string) string {
	host, _, _ := strings.Cut(addr, ":")
	return host
}

// listener hands out the other ends of what was dialed.
type listener struct {
	net     *Network
	addr    address
	backlog []*conn
	closed  bool
}

var _ net.Listener = (*listener)(nil)

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	for {
		switch {
		case l.closed:
			return nil, net.ErrClosed
		case len(l.backlog) > 0:
			c := l.backlog[0]
			l.backlog = l.backlog[1:]
			return c, nil
		}
		l.net.changed.Wait()
	}
}

// Close frees the address and resets what was not accepted.
func (l *listener) Close() error {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	delete(l.net.listeners, string(l.addr))
	for _, c := range l.backlog {
		c.peer.resetLocked()
	}
	l.net.changed.Broadcast()
	return nil
}

// Addr is where it listens.
func (l *listener) Addr() net.Addr { return l.addr }

type address string

// Network is the kind of address.
func (address) Network() string { return "memory" }

// String is the address.
func (a address) String() string { return string(a) }
