package gossip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/hengedb/henge/ring"
)

// Profile tunes gossip for where the nodes are.
type Profile int

// The profiles.
const (
	LAN   Profile = iota // a death is noticed within about ten seconds
	Local                // all on one machine: within about two
)

// Options are what a Gossip works with. Self and Bind must be set.
type Options struct {
	Self      ring.Peer       // Gossip is filled in when Bind has port 0
	Bind      string          // host:port to listen on
	Seeds     []string        // host:port of processes to join
	Known     func() []string // more of them, remembered from earlier; nil is none
	Rejoin    time.Duration   // between tries to reach those who are missing; 0 is 5 s
	Profile   Profile
	Sleep     func(context.Context, time.Duration) error
	Rand      func() uint64
	Logger    *slog.Logger         // nil discards
	Transport memberlist.Transport // nil is UDP and TCP on Bind
}

// leaveWithin bounds the goodbye.
const leaveWithin = 500 * time.Millisecond

// maxOnce bounds the addresses that the rejoin loop remembers: a cluster's worth.
const maxOnce = 4096

// label keeps other users of memberlist on the same ports apart.
const label = "henge"

// Gossip is one process's part in it. Close ends it.
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
	once        map[string]bool // gossip addresses once seen, at most maxOnce

	life  context.Context
	end   context.CancelFunc
	tasks sync.WaitGroup
}

// Open listens on o.Bind and begins to look for the others. Seeds that do not
// answer are tried again for ever. It fails when Bind is no address or is in use,
// and when Self is too long for a packet.
func Open(o Options) (*Gossip, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Known == nil {
		o.Known = func() []string { return nil }
	}
	o.Rejoin = cmp.Or(o.Rejoin, 5*time.Second)
	g := &Gossip{
		o: o, log: o.Logger, changed: make(chan struct{}, 1), announce: make(chan struct{}, 1), once: make(map[string]bool),
	}
	g.life, g.end = context.WithCancel(context.Background())
	config, err := g.config()
	if err != nil {
		return nil, err
	}
	g.self.Store(&o.Self)
	if _, err := encodeMeta(o.Self); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	if g.list, err = memberlist.Create(config); err != nil {
		return nil, fmt.Errorf("gossip address %s: %w", o.Bind, err)
	}
	local := g.list.LocalNode()
	g.addr = net.JoinHostPort(local.Addr.String(), strconv.Itoa(int(local.Port)))
	self := o.Self
	self.Gossip = g.addr
	g.Announce(self)
	g.tasks.Go(g.tell)
	g.tasks.Go(g.update)
	g.tasks.Go(g.rejoin)
	return g, nil
}

// config turns Options into memberlist's.
func (g *Gossip) config() (*memberlist.Config, error) {
	host, portText, err := net.SplitHostPort(g.o.Bind)
	if err != nil {
		return nil, fmt.Errorf("gossip address %q: want host:port", g.o.Bind)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 0 || port > 65535 {
		return nil, fmt.Errorf("gossip address %q: %q is no port", g.o.Bind, portText)
	}
	ips, err := net.DefaultResolver.LookupIP(g.life, "ip", host)
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
	c.BindAddr, c.BindPort, c.AdvertisePort = ips[0].String(), port, port
	c.TCPTimeout = 2 * time.Second // a seed that is away must not hold up the others
	c.DNSConfigPath = ""
	c.Delegate, c.Events = delegate{g}, delegate{g}
	c.Logger = log.New(&logLines{log: g.log}, "", 0)
	c.Transport = g.o.Transport
	return c, nil
}

// Addr is where it listens, host:port.
func (g *Gossip) Addr() string { return g.addr }

// Malformed is how many peers' metadata could not be read so far.
func (g *Gossip) Malformed() int64 { return g.malformed.Load() }

// Peers lists live processes, this one included, by id and then nonce.
func (g *Gossip) Peers() []ring.Peer {
	var peers []ring.Peer
	for _, m := range g.list.Members() {
		p, err := decodeMeta(m.Meta)
		if err != nil {
			g.malformed.Add(1)
			g.log.Debug("peer's metadata is malformed", slog.String("member", m.Name), slog.String("error", err.Error()))
			continue
		}
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b ring.Peer) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Nonce, b.Nonce))
	})
	return peers
}

// Subscribe has f called after each change of Peers.
func (g *Gossip) Subscribe(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.subscribers = append(g.subscribers, f)
}

// Announce replaces what is told about this process. It does not wait until the
// others know. What is too long for a packet is not told, and logged.
func (g *Gossip) Announce(self ring.Peer) {
	self.Gossip = g.addr
	if _, err := encodeMeta(self); err != nil {
		g.log.Error("cannot be announced", slog.String("error", err.Error()))
		return
	}
	g.self.Store(&self)
	raise(g.announce)
}

// Close says goodbye, for half a second at most, and stops.
func (g *Gossip) Close() error {
	g.end()
	g.tasks.Wait()
	var errs []error
	if err := g.list.Leave(leaveWithin); err != nil {
		g.log.Info("nobody heard the goodbye", slog.String("error", err.Error()))
	}
	errs = append(errs, g.list.Shutdown())
	return errors.Join(errs...)
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

// updateWithin bounds how long memberlist may take to hand out new metadata; it
// goes on spreading it afterwards.
const updateWithin = time.Second

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
		raise(g.changed)
	}
}

// rejoin reaches for seeds, known and once-seen peers that are not members now, for
// ever: memberlist alone would leave a healed split apart.
func (g *Gossip) rejoin() {
	reachable := true
	for {
		if missing := g.missing(); len(missing) > 0 {
			n, err := g.list.Join(missing)
			if ok := n > 0 || len(g.list.Members()) > 1; ok != reachable {
				reachable = ok
				if !ok {
					g.log.Warn("no seed answers; trying on", slog.Any("seeds", missing), slog.String("error", fmt.Sprint(err)))
				}
			}
		}
		jitter := time.Duration(g.o.Rand() % uint64(g.o.Rejoin/4)) //nolint:gosec // a quarter of seconds
		if g.o.Sleep(g.life, g.o.Rejoin+jitter) != nil {
			return
		}
	}
}

// missing lists the addresses of those who should be members and are not.
func (g *Gossip) missing() []string {
	present := map[string]bool{g.addr: true}
	g.mu.Lock()
	for _, m := range g.list.Members() {
		addr := m.Address()
		present[addr] = true
		if len(g.once) < maxOnce {
			g.once[addr] = true
		}
	}
	wanted := slices.Collect(maps.Keys(g.once))
	g.mu.Unlock()
	wanted = append(append(wanted, g.o.Seeds...), g.o.Known()...)
	slices.Sort(wanted)
	return slices.DeleteFunc(slices.Compact(wanted), func(addr string) bool { return present[addr] })
}

// raise sets a flag that somebody waits for.
func raise(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}
