package memnet

import (
	"errors"
	"io"
	"net"
	"time"
)

// window is how much one end may send that the other has not read.
const window = 256 << 10

// conn is one end of a connection.
type conn struct {
	net      *Network
	from, to string
	peer     *conn
	unread   []byte // sent by the peer
	eof      bool   // the peer closed
	closed   bool   // by this end
	reset    bool
}

var _ net.Conn = (*conn)(nil)

// Read waits for bytes that no cut holds up.
func (c *conn) Read(p []byte) (int, error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	for {
		cut := c.net.cuts[[2]string{c.from, c.to}]
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case c.reset && !cut:
			return 0, errReset
		case len(c.unread) > 0 && !cut:
			n := copy(p, c.unread)
			c.unread = c.unread[n:]
			c.net.changed.Broadcast()
			return n, nil
		case c.eof && !cut:
			return 0, io.EOF
		}
		c.net.changed.Wait()
	}
}

// Write waits while the peer has not read what was sent.
func (c *conn) Write(p []byte) (int, error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	sent := 0
	for {
		switch {
		case c.closed:
			return sent, net.ErrClosed
		case c.reset || c.peer.closed:
			return sent, errReset
		case sent == len(p):
			return sent, nil
		}
		if room := window - len(c.peer.unread); room > 0 {
			n := min(room, len(p)-sent)
			c.peer.unread = append(c.peer.unread, p[sent:sent+n]...)
			sent += n
			c.net.changed.Broadcast()
			continue
		}
		c.net.changed.Wait()
	}
}

// Close ends both directions; what was written can still be read.
func (c *conn) Close() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed, c.peer.eof = true, true
	delete(c.net.conns, c)
	c.net.changed.Broadcast()
	return nil
}

func (c *conn) resetLocked() {
	c.reset, c.unread = true, nil
	delete(c.net.conns, c)
	c.net.changed.Broadcast()
}

// LocalAddr is this end's host.
func (c *conn) LocalAddr() net.Addr { return address(c.from) }

// RemoteAddr is the other end's.
func (c *conn) RemoteAddr() net.Addr { return address(c.to) }

// SetDeadline fails: package rpc ends what waits by closing.
func (c *conn) SetDeadline(time.Time) error { return errors.ErrUnsupported }

// SetReadDeadline fails, as SetDeadline does.
func (c *conn) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

// SetWriteDeadline fails, as SetDeadline does.
func (c *conn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }
