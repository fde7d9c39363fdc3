package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Host is one process's place in the network, from its start to its end. A host
// that was killed stays dead; a new start at the same name is a new Host.
type Host struct {
	net  *Network
	name string

	// Guarded by the network's mutex.
	listeners map[string]*listener // by port
	conns     map[*conn]bool
	dead      bool
	silent    bool // dead, and nothing answers in its place: the machine is off
}

// errDead is what a dead process gets for whatever it still tries.
var errDead = errors.New("this process was killed")

// Host starts a process at a name. An earlier one at that name must be dead.
func (n *Network) Host(name string) *Host {
	n.mu.Lock()
	h := &Host{net: n, name: name, listeners: make(map[string]*listener), conns: make(map[*conn]bool)}
	off := n.hosts[name] != nil && n.hosts[name].offLocked()
	n.hosts[name] = h
	if off {
		n.wakeLocked(name)
	}
	n.mu.Unlock()
	n.changed()
	return h
}

// Kill ends the process: its connections are reset and its listeners gone, while
// the machine runs on and refuses whoever calls.
func (h *Host) Kill() { h.end(false) }

// PowerOff ends the machine: nobody is told, and whoever calls hears nothing.
func (h *Host) PowerOff() { h.end(true) }

func (h *Host) end(silent bool) {
	h.net.mu.Lock()
	h.dead, h.silent = true, silent
	for _, c := range h.sortedConns() {
		c.broken = errDead
		if !silent && !c.closed {
			c.out.sendLocked(segment{reset: true}) // behind what was sent before
		}
		c.wake.Broadcast()
	}
	for _, port := range h.listeners {
		port.closeLocked()
	}
	h.net.mu.Unlock()
	h.net.changed()
}

// offLocked reports whether the host's machine is off.
func (h *Host) offLocked() bool { return h.dead && h.silent && h.net.hosts[h.name] == h }

// wakeLocked has what waited for a machine arrive, now that it is on again.
func (n *Network) wakeLocked(name string) {
	into := make([]link, 0, len(n.links))
	for l := range n.links {
		if l.to == name {
			into = append(into, l)
		}
	}
	slices.SortFunc(into, compareLinks)
	for _, l := range into {
		for _, s := range n.links[l].sortedStreams() {
			s.resumeLocked(slowest)
		}
	}
	n.redialLocked(slowest)
}

func (h *Host) sortedConns() []*conn {
	list := make([]*conn, 0, len(h.conns))
	for c := range h.conns {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *conn) int { return cmp.Compare(a.out.id, b.out.id) })
	return list
}

// Listen opens a port of this host. The address must name the host.
func (h *Host) Listen(address string) (net.Listener, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", address, err)
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	switch {
	case h.dead:
		return nil, errDead
	case name != h.name:
		return nil, fmt.Errorf("listen %s: this host is %s", address, h.name)
	case h.listeners[port] != nil:
		return nil, fmt.Errorf("listen %s: %w", address, syscall.EADDRINUSE)
	}
	l := &listener{host: h, port: port, addr: addr(address), wake: sync.NewCond(&h.net.mu)}
	h.listeners[port] = l
	return l, nil
}

// dialing is one attempt to connect.
type dialing struct {
	host   *Host
	to     string // host
	port   string
	id     uint64
	tries  uint64
	done   chan struct{} // closed when conn or err is set
	conn   *conn
	err    error
	given  bool // up by the dialer
	closed bool // done is
}

// Dial connects to host:port. It takes a round trip; while a link between the two
// is cut, or the machine is off, it waits for ctx.
func (h *Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	n := h.net
	n.mu.Lock()
	if h.dead {
		n.mu.Unlock()
		return nil, errDead
	}
	d := &dialing{host: h, to: name, port: port, done: make(chan struct{})}
	d.id = chance(n.seed, text(h.name), text(name), text(port), instant())
	d.tryLocked(latency)
	n.mu.Unlock()
	select {
	case <-d.done:
	case <-ctx.Done():
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case d.err != nil:
		return nil, fmt.Errorf("dial %s: %w", address, d.err)
	case d.conn != nil && !h.dead:
		return d.conn, nil
	case h.dead:
		return nil, errDead
	}
	d.given = true
	n.waits = slices.DeleteFunc(n.waits, func(w *dialing) bool { return w == d })
	return nil, fmt.Errorf("dial %s: %w", address, context.Cause(ctx))
}

// tryLocked sends the first packet of a connection.
func (d *dialing) tryLocked(after time.Duration) {
	d.tries++
	state := d.host.net.linkLocked(d.host.name, d.to)
	time.AfterFunc(after+state.delay+within(chance(d.id, d.tries), jitter), d.arrive)
}

// arrive is the packet's arrival at the other host.
func (d *dialing) arrive() {
	n := d.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if d.given || d.closed {
		return
	}
	if d.host.dead {
		d.finishLocked(nil, errDead)
		return
	}
	to := n.hosts[d.to]
	if (to != nil && to.offLocked()) || n.cutLocked(d.host.name, d.to) || n.cutLocked(d.to, d.host.name) {
		n.waits = append(n.waits, d)
		return
	}
	var l *listener
	if to != nil && !to.dead {
		l = to.listeners[d.port]
	}
	if l == nil {
		d.answerLocked(nil, syscall.ECONNREFUSED)
		return
	}
	dialer, accepted := connect(d.host, to, d.port, d.id)
	l.queue = append(l.queue, accepted)
	l.wake.Broadcast()
	d.answerLocked(dialer, nil)
}

// answerLocked is the way back.
func (d *dialing) answerLocked(c *conn, err error) {
	n := d.host.net
	time.AfterFunc(latency+within(chance(d.id, d.tries, 3), jitter), func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if d.given && c != nil {
			c.closed = true
			delete(c.host.conns, c)
			c.out.sendLocked(segment{reset: true})
			return
		}
		d.finishLocked(c, err)
	})
}

func (d *dialing) finishLocked(c *conn, err error) {
	if d.closed {
		return
	}
	d.conn, d.err, d.closed = c, err, true
	close(d.done)
}

// redialLocked tries again what a cut or a dead machine held up.
func (n *Network) redialLocked(lasted time.Duration) {
	waits := n.waits
	n.waits = nil
	slices.SortFunc(waits, func(a, b *dialing) int {
		return cmp.Or(strings.Compare(a.to, b.to), cmp.Compare(a.id, b.id))
	})
	for _, d := range waits {
		d.tryLocked(latency + within(chance(d.id, d.tries, 4), max(min(lasted, slowest), jitter)))
	}
}

// connect makes the two ends of a connection.
func connect(from, to *Host, port string, id uint64) (dialer, accepted *conn) {
	n := from.net
	end := func(h *Host, local, remote string) *conn {
		c := &conn{net: n, host: h, local: addr(local), remote: addr(remote), wake: sync.NewCond(&n.mu)}
		h.conns[c] = true
		return c
	}
	there, back := net.JoinHostPort(to.name, port), net.JoinHostPort(from.name, fmt.Sprint(30000+id%30000))
	dialer, accepted = end(from, back, there), end(to, there, back)
	way := func(a, b *conn, id uint64) {
		s := &stream{net: n, link: link{a.host.name, b.host.name}, id: id, from: a, to: b}
		s.state = n.linkLocked(a.host.name, b.host.name)
		s.state.streams[s] = true
		a.out, b.in = s, s
	}
	way(dialer, accepted, chance(id, 5))
	way(accepted, dialer, chance(id, 6))
	return dialer, accepted
}
