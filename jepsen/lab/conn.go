package lab

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// conn is one end of a connection. Its fields are guarded by the network's mutex.
type conn struct {
	net           *Network
	local, remote addr
	host          *Host
	wake          *sync.Cond // after anything below changed
	in, out       *stream

	unread  []byte
	eof     bool  // the peer said that nothing more comes
	closed  bool  // by this end
	broken  error // by the network or the peer's death
	readBy  deadline
	writeBy deadline
	refused bool // the peer was sent a reset
}

var _ net.Conn = (*conn)(nil)

// addr is host:port.
type addr string

// Network is the kind of address.
func (addr) Network() string { return "lab" }

// String is host:port.
func (a addr) String() string { return string(a) }

// deadline is a point in time with the timer that wakes who waits for it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// Read waits for bytes, the peer's end of writing, or the deadline.
func (c *conn) Read(p []byte) (int, error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case c.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case len(c.unread) > 0:
			n := copy(p, c.unread)
			c.unread = c.unread[n:]
			c.in.inFlight -= n
			c.in.from.wake.Broadcast()
			return n, nil
		case c.broken != nil:
			return 0, c.broken
		case c.eof:
			return 0, io.EOF
		}
		c.wake.Wait()
	}
}

// Write sends p; it waits while the peer has not read what was sent before.
func (c *conn) Write(p []byte) (int, error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	sent := 0
	for {
		switch {
		case c.closed:
			return sent, net.ErrClosed
		case c.broken != nil:
			return sent, c.broken
		case c.writeBy.passed():
			return sent, os.ErrDeadlineExceeded
		case sent == len(p):
			return sent, nil
		case c.out.inFlight < window:
			n := min(len(p)-sent, window-c.out.inFlight)
			c.out.sendLocked(segment{data: append([]byte(nil), p[sent:sent+n]...)})
			sent += n
			continue
		}
		c.wake.Wait()
	}
}

// Close ends both directions; what was written still arrives.
func (c *conn) Close() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	delete(c.host.conns, c)
	c.readBy.stop()
	c.writeBy.stop()
	if c.broken == nil {
		c.out.sendLocked(segment{fin: true})
	}
	c.wake.Broadcast()
	return nil
}

// receiveLocked takes in what arrived.
func (c *conn) receiveLocked(seg *segment) {
	switch {
	case c.closed || c.host.dead:
		if len(seg.data) > 0 && !seg.reset && !c.refused {
			c.refused = true // bytes for a socket that is gone are answered with a reset
			c.out.state.streams[c.out] = true
			c.out.sendLocked(segment{reset: true})
		}
	default:
		c.unread = append(c.unread, seg.data...)
		c.eof = c.eof || seg.fin
	}
	if seg.fin {
		delete(c.in.state.streams, c.in)
	}
	if seg.reset {
		c.breakLocked(errReset)
	}
	c.wake.Broadcast()
}

// breakLocked ends the connection for this end.
func (c *conn) breakLocked(cause error) {
	if c.broken == nil {
		c.broken = cause
	}
	c.out.dropLocked()
	c.in.dropLocked()
	delete(c.host.conns, c)
	c.wake.Broadcast()
}

// LocalAddr is this end's host:port.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the other end's.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	c.set(t, &c.readBy, &c.writeBy)
	return nil
}

// SetReadDeadline bounds the wait of Read.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.set(t, &c.readBy)
	return nil
}

// SetWriteDeadline bounds the wait of Write.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.set(t, &c.writeBy)
	return nil
}

func (c *conn) set(t time.Time, deadlines ...*deadline) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	for _, d := range deadlines {
		d.stop()
		d.at = t
		if !t.IsZero() && !c.closed {
			d.timer = time.AfterFunc(max(time.Until(t), 0), c.timeUp)
		}
	}
	c.wake.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (c *conn) timeUp() {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.wake.Broadcast()
}
