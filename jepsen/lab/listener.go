package lab

import (
	"net"
	"sync"
)

// listener is an open port. Its fields are guarded by the network's mutex.
type listener struct {
	host   *Host
	port   string
	addr   addr
	wake   *sync.Cond
	queue  []*conn
	closed bool // nothing more is accepted
	freed  bool // Close was called
}

var _ net.Listener = (*listener)(nil)

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	l.host.net.mu.Lock()
	defer l.host.net.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.wake.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

// Close frees the port. Connections that wait to be accepted are reset.
func (l *listener) Close() error {
	l.host.net.mu.Lock()
	defer l.host.net.mu.Unlock()
	if l.freed {
		return net.ErrClosed
	}
	l.freed = true
	delete(l.host.listeners, l.port)
	l.closeLocked()
	return nil
}

func (l *listener) closeLocked() {
	l.closed = true
	for _, c := range l.queue {
		if !c.closed && c.broken == nil {
			c.closed = true
			delete(c.host.conns, c)
			c.out.sendLocked(segment{reset: true})
		}
	}
	l.queue = nil
	l.wake.Broadcast()
}

// Addr is the address that was listened on.
func (l *listener) Addr() net.Addr { return l.addr }
