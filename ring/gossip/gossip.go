package gossip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/hengedb/henge/ring"
)

const (
	// leaveWithin bounds the goodbye.
	leaveWithin = 500 * time.Millisecond
	// dialWithin bounds what one address that does not answer takes.
	dialWithin = 2 * time.Second
	// updateWithin bounds how long memberlist may take to hand out new metadata; it
	// goes on spreading it afterwards.
	updateWithin = time.Second
	// label keeps other users of memberlist on the same ports apart.
	label = "henge"
)

// ErrClosed is returned by a second Close.
var ErrClosed = errors.New("gossip is closed")

// Gossip is one process's part in it. It is safe for concurrent use.
type Gossip struct {
	o    Options
	list *memberlist.Memberlist
	log  *slog.Logger
	addr string

	malformed atomic.Int64
	self      atomic.Pointer[ring.Peer]
	changed   chan struct{} // something changed
	announce  chan struct{} // what is told about this process changed

	mu          sync.Mutex // guards what follows
	subscribers []func()
	members     map[string]member // by gossip name
	once        map[string]bool   // gossip addresses of members, once seen, at most maxOnce

	closed atomic.Bool
	life   context.Context
	end    context.CancelFunc
	tasks  sync.WaitGroup
}

// member is what gossip says of a live process. It is copied here because memberlist
// changes its own under a lock that it does not share.
type member struct {
	addr string
	peer ring.Peer // ID is 0 when its metadata could not be read
}

// Open listens on o.Bind and begins to look for the others. Seeds that do not
// answer are tried again for ever. It fails when Bind is no address or is in use,
// and when Self is too long for a packet.
func Open(o Options) (*Gossip, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	g := &Gossip{
		o: o, log: o.Logger, changed: make(chan struct{}, 1), announce: make(chan struct{}, 1),
		members: make(map[string]member), once: make(map[string]bool),
	}
	g.self.Store(&o.Self)
	if err := fits(o.Self); err != nil {
		return nil, err
	}
	g.life, g.end = context.WithCancel(context.Background())
	if err := g.listen(); err != nil {
		g.end()
		return nil, err
	}
	g.tasks.Go(g.tell)
	g.tasks.Go(g.update)
	g.tasks.Go(g.rejoin)
	return g, nil
}

// fits tells whether self will always fit a packet: also when it belongs to a cluster.
func fits(self ring.Peer) error {
	if self.Cluster == "" {
		self.Cluster = strings.Repeat("0", 2*clusterBytes)
	}
	if _, err := encodeMeta(self); err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	return nil
}

// listen starts memberlist.
func (g *Gossip) listen() error {
	config, err := g.config()
	if err != nil {
		return err
	}
	if g.list, err = memberlist.Create(config); err != nil {
		return fmt.Errorf("gossip address %s: %w", g.o.Bind, g.cause(err))
	}
	local := g.list.LocalNode()
	g.addr = net.JoinHostPort(local.Addr.String(), strconv.Itoa(int(local.Port)))
	return nil
}

// config turns Options into memberlist's.
func (g *Gossip) config() (*memberlist.Config, error) {
	host, portText, err := net.SplitHostPort(g.o.Bind)
	if err != nil {
		return nil, fmt.Errorf("gossip address %q: want host:port", g.o.Bind)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("gossip address %q: %q is no port", g.o.Bind, portText)
	}
	ips, err := g.lookup(host)
	if err != nil {
		return nil, fmt.Errorf("gossip address %q: %w", g.o.Bind, err)
	}
	c := memberlist.DefaultLANConfig()
	if g.o.Profile == Local {
		c.ProbeInterval, c.ProbeTimeout = 500*time.Millisecond, 200*time.Millisecond
		c.SuspicionMult, c.GossipInterval = 2, 100*time.Millisecond
	}
	c.Name = fmt.Sprintf("%s-%016x", g.o.Self.ID, g.o.Self.Nonce)
	c.Label = label
	c.BindAddr, c.BindPort, c.AdvertisePort = ips[0], int(port), int(port)
	c.TCPTimeout = dialWithin
	c.DNSConfigPath = ""
	c.Delegate, c.Events = delegate{g}, delegate{g}
	c.Logger = log.New(&logLines{log: g.log}, "", 0)
	c.Transport = g.o.Transport
	return c, nil
}

// cause finds why memberlist could not start: it words a failed listen and does
// not wrap it, so that callers could not tell a port in use from anything else.
func (g *Gossip) cause(err error) error {
	if g.o.Transport != nil {
		return err
	}
	var config net.ListenConfig
	tcp, lerr := config.Listen(g.life, "tcp", g.o.Bind)
	if lerr != nil {
		return lerr
	}
	udp, lerr := config.ListenPacket(g.life, "udp", g.o.Bind)
	if lerr != nil {
		return errors.Join(lerr, tcp.Close())
	}
	return errors.Join(err, udp.Close(), tcp.Close())
}

// Addr is where it listens, host:port.
func (g *Gossip) Addr() string { return g.addr }

// Malformed is how often a peer told about itself what could not be read.
func (g *Gossip) Malformed() int64 { return g.malformed.Load() }

// Peers lists live processes, this one included, by id and then nonce. Two processes
// with one id are both listed.
func (g *Gossip) Peers() []ring.Peer {
	g.mu.Lock()
	peers := make([]ring.Peer, 0, len(g.members))
	for _, m := range g.members {
		if m.peer.ID != 0 {
			peers = append(peers, m.peer)
		}
	}
	g.mu.Unlock()
	slices.SortFunc(peers, func(a, b ring.Peer) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Nonce, b.Nonce))
	})
	return peers
}

// Subscribe has f called after each change of Peers, on a goroutine that Close waits
// for. f must return soon.
func (g *Gossip) Subscribe(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.subscribers = append(g.subscribers, f)
}

// Announce replaces what is told about this process, but for its gossip address. It
// does not wait until the others know. What is too long for a packet is not told, and
// logged.
func (g *Gossip) Announce(self ring.Peer) {
	if _, err := encodeMeta(self); err != nil {
		g.log.Error("cannot be announced", slog.String("error", err.Error()))
		return
	}
	g.self.Store(&self)
	raise(g.announce)
}

// Close says goodbye, for half a second at most, and stops. It waits for addresses
// that are being dialled and do not answer, some seconds at most. A second Close
// returns ErrClosed. Memberlist's own goroutines end a little later.
func (g *Gossip) Close() error {
	if g.closed.Swap(true) {
		return ErrClosed
	}
	g.end()
	g.tasks.Wait()
	if err := g.list.Leave(leaveWithin); err != nil {
		g.log.Info("nobody heard the goodbye", slog.String("error", err.Error()))
	}
	return g.list.Shutdown()
}

// tell calls the subscribers after changes.
func (g *Gossip) tell() {
	for {
		select {
		case <-g.changed:
		case <-g.life.Done():
			return
		}
		g.mu.Lock()
		subscribers := slices.Clone(g.subscribers)
		g.mu.Unlock()
		for _, f := range subscribers {
			f()
		}
	}
}

// update spreads what is told about this process, the latest of it.
func (g *Gossip) update() {
	for {
		select {
		case <-g.announce:
		case <-g.life.Done():
			return
		}
		if err := g.list.UpdateNode(updateWithin); err != nil && g.life.Err() == nil {
			g.log.Debug("announcement is slow", slog.String("error", err.Error()))
		}
	}
}

// raise sets a flag that somebody waits for.
func raise(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}
