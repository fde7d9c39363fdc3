package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// network carries packets and streams between the transports of a bubble. Whoever is
// in another part of it gets nothing, and a dial there takes all its time.
type network struct {
	mu      sync.Mutex // guards what follows
	nodes   map[string]*transport
	part    map[string]int // of each address; 0 is what was never moved
	dials   map[string]int // by target
	largest int            // bytes of a packet
}

func newNetwork() *network {
	return &network{nodes: map[string]*transport{}, part: map[string]int{}, dials: map[string]int{}}
}

// packetDelay is what a packet takes.
const packetDelay = time.Millisecond

var errNobody = errors.New("connection refused")

// move puts addresses into one part of the network.
func (n *network) move(part int, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, addr := range addrs {
		n.part[addr] = part
	}
}

// dialled is how often each address was dialled since the last call.
func (n *network) dialled() map[string]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	dials := n.dials
	n.dials = map[string]int{}
	return dials
}

// reach finds a transport; ok is false where packets vanish.
func (n *network) reach(from, to string) (t *transport, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodes[to], n.part[from] == n.part[to]
}

// attach makes the transport of an address.
func (n *network) attach(addr string) *transport {
	t := &transport{net: n, addr: addr, packets: make(chan *memberlist.Packet, 1024), streams: make(chan net.Conn, 64)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[addr] = t
	return t
}

type transport struct {
	net     *network
	addr    string
	packets chan *memberlist.Packet
	streams chan net.Conn
}

var _ memberlist.Transport = (*transport)(nil)

func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	addr, err := net.ResolveTCPAddr("tcp", t.addr)
	if err != nil {
		return nil, 0, err
	}
	return addr.IP, addr.Port, nil
}

func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	t.net.mu.Lock()
	t.net.largest = max(t.net.largest, len(b))
	alive := t.net.nodes[t.addr] == t
	t.net.mu.Unlock()
	packet := &memberlist.Packet{Buf: slices.Clone(b), From: netAddr(t.addr)}
	if alive {
		time.AfterFunc(packetDelay, func() {
			to, ok := t.net.reach(t.addr, addr)
			if to == nil || !ok {
				return
			}
			packet.Timestamp = time.Now()
			select {
			case to.packets <- packet:
			default: // as a full socket buffer
			}
		})
	}
	return time.Now(), nil
}

func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	t.net.mu.Lock()
	t.net.dials[addr]++
	alive := t.net.nodes[t.addr] == t
	t.net.mu.Unlock()
	to, ok := t.net.reach(t.addr, addr)
	if !ok || !alive {
		time.Sleep(timeout)
		return nil, fmt.Errorf("dial %s: %w", addr, context.DeadlineExceeded)
	}
	if to == nil {
		return nil, fmt.Errorf("dial %s: %w", addr, errNobody)
	}
	here, there := net.Pipe()
	to.streams <- there
	return here, nil
}

func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

func (t *transport) Shutdown() error {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	if t.net.nodes[t.addr] == t {
		delete(t.net.nodes, t.addr)
	}
	return nil
}

type netAddr string

func (netAddr) Network() string  { return "udp" }
func (a netAddr) String() string { return string(a) }
