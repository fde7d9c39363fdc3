package lab

import (
	"slices"
	"sync"
	"time"
)

// Network is a network of hosts in memory. Between any two of them each direction
// is a link with faults of its own. All its waiting is on timers and condition
// variables, so it runs in a testing/synctest bubble, where time is virtual.
//
// What is written to a connection at one instant arrives together, at an instant
// that is drawn from the names of the link and of the write. No two arrivals fall
// on one instant but by a chance of one in a million, so in a bubble each runs to
// rest before the next one begins, and the same seed gives the same run.
//
// It is safe for concurrent use.
type Network struct {
	seed uint64

	mu     sync.Mutex // guards what follows, and all that hangs on it
	hosts  map[string]*Host
	links  map[link]*linkState
	waits  []*dialing // that a cut holds up
	change func()     // called after links changed
}

// link is one direction between two hosts.
type link struct{ from, to string }

// linkState are the faults of a link.
type linkState struct {
	cut     bool
	since   time.Time     // when it was last cut or mended
	delay   time.Duration // on top of the usual
	loss    float64       // share of deliveries that are held up as by a lost packet
	streams map[*stream]bool
}

// The usual way of a link: a rack's network with some jitter. The jitter's range
// is what keeps instants apart.
const (
	latency = 300 * time.Microsecond
	jitter  = time.Millisecond
)

// The hold-ups of TCP: a lost packet is sent again after resend; what a cut held up
// flows again within slowest of its end, sooner after a short one, since the
// sender's pauses grow with each try. Linux would wait up to two minutes; ten
// seconds are enough to outlast every timeout in the product.
const (
	resend  = 200 * time.Millisecond
	slowest = 10 * time.Second
)

// window bounds the bytes on their way in one direction of a connection; beyond
// it writers wait, as on a full socket buffer.
const window = 1 << 20

// NewNetwork returns a network without hosts.
func NewNetwork(seed uint64) *Network {
	return &Network{
		seed: seed, hosts: make(map[string]*Host), links: make(map[link]*linkState),
	}
}

// OnChange has f called after links were cut or mended and after hosts appeared
// and died. It is set once, before the network is used.
func (n *Network) OnChange(f func()) { n.change = f }

func (n *Network) changed() {
	if n.change != nil {
		n.change()
	}
}

// linkLocked finds or makes the state of a link.
func (n *Network) linkLocked(from, to string) *linkState {
	l := n.links[link{from, to}]
	if l == nil {
		l = &linkState{streams: make(map[*stream]bool)}
		n.links[link{from, to}] = l
	}
	return l
}

// Cut silences the link from one host to another: what is sent is held up until
// Mend. The other direction is a link of its own.
func (n *Network) Cut(from, to string) {
	n.mu.Lock()
	if l := n.linkLocked(from, to); !l.cut {
		l.cut, l.since = true, time.Now()
	}
	n.mu.Unlock()
	n.changed()
}

// Mend ends a cut. What was held up flows again after a while, as it does when TCP
// finds out by itself.
func (n *Network) Mend(from, to string) {
	n.mu.Lock()
	if l := n.linkLocked(from, to); l.cut {
		lasted := time.Since(l.since)
		l.cut, l.since = false, time.Now()
		for _, s := range l.sortedStreams() {
			s.resumeLocked(lasted)
		}
		n.redialLocked(lasted)
	}
	n.mu.Unlock()
	n.changed()
}

// Slow adds a delay to everything on a link, and holds up a share of it as by lost
// packets. Zeros end both.
func (n *Network) Slow(from, to string, delay time.Duration, loss float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.linkLocked(from, to)
	l.delay, l.loss = delay, loss
}

// Reset breaks every connection between two hosts, at once and for both.
func (n *Network) Reset(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range []link{{a, b}, {b, a}} {
		for _, s := range n.linkLocked(l.from, l.to).sortedStreams() {
			s.from.breakLocked(errReset)
			s.to.breakLocked(errReset)
		}
	}
}

// Split cuts every link between hosts of different groups, both ways, and mends
// every other link among them.
func (n *Network) Split(groups ...[]string) {
	for i, group := range groups {
		for _, from := range group {
			for j, others := range groups {
				for _, to := range others {
					switch {
					case i != j:
						n.Cut(from, to)
					case from != to:
						n.Mend(from, to)
					}
				}
			}
		}
	}
}

// Heal mends every link and ends every delay and loss.
func (n *Network) Heal() {
	n.mu.Lock()
	links := make([]link, 0, len(n.links))
	for l, state := range n.links {
		links = append(links, l)
		state.delay, state.loss = 0, 0
	}
	n.mu.Unlock()
	slices.SortFunc(links, compareLinks)
	for _, l := range links {
		n.Mend(l.from, l.to)
	}
}

// Good reports since when hosts a and b can both hear each other; false while they
// cannot.
func (n *Network) Good(a, b string) (since time.Time, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	there, back := n.linkLocked(a, b), n.linkLocked(b, a)
	if there.cut || back.cut {
		return time.Time{}, false
	}
	since = there.since
	if back.since.After(since) {
		since = back.since
	}
	return since, true
}

func (n *Network) cutLocked(from, to string) bool { return n.linkLocked(from, to).cut }
