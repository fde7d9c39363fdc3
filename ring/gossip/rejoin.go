package gossip

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxOnce bounds the addresses that the rejoin loop remembers: a cluster's worth.
	maxOnce = 4096
	// maxTried bounds the seeds, and likewise the other addresses, that one round of
	// the loop goes through. Who is missing is mostly dead, at addresses that answer
	// nothing for dialWithin each; one that is alive brings all it knows.
	maxTried = 8
	// joiners is how many addresses are dialled at once: with all of them silent, a
	// round takes eight seconds. After a split each of them may move the whole state.
	joiners = 4
	// hurry is how much shorter the pause is while nobody else is there: nodes that are
	// started together find each other in less than a second.
	hurry = 10
)

// rejoin reaches for seeds, known and once-seen peers that are not members now, for
// ever: memberlist alone would leave a healed split apart.
func (g *Gossip) rejoin() {
	told := false
	for {
		missing := g.missing()
		err := g.join(missing)
		alone := g.alone()
		if alone && len(missing) > 0 && !told && err != nil {
			g.log.Warn("no seed answers; trying on", slog.Any("seeds", missing), slog.String("error", err.Error()))
		}
		told = alone && len(missing) > 0
		pause := g.o.Rejoin
		if alone {
			pause /= hurry
		}
		jitter := time.Duration(g.o.Rand() % uint64(max(1, pause/4))) //nolint:gosec // positive
		if g.o.Sleep(g.life, pause+jitter) != nil {
			return
		}
	}
}

// join dials addresses, a few at a time, until it went through them all or they are
// members.
func (g *Gossip) join(addrs []string) error {
	var next atomic.Int64
	var failure atomic.Pointer[error]
	var wg sync.WaitGroup
	for range min(joiners, len(addrs)) {
		wg.Go(func() {
			for g.life.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(addrs) {
					return
				}
				if g.present()[addrs[i]] {
					continue
				}
				if _, err := g.list.Join(addrs[i : i+1]); err != nil {
					failure.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}

// missing draws, from those who should be members and are not, the addresses to try
// in this round: seeds first.
func (g *Gossip) missing() []string {
	seeds, known := g.resolve(g.o.Seeds), g.o.Known()
	g.mu.Lock()
	once := slices.Collect(maps.Keys(g.once))
	g.mu.Unlock()
	present := g.present()
	seeds = g.draw(seeds, present)
	for _, addr := range seeds {
		present[addr] = true // not twice
	}
	return append(seeds, g.draw(slices.Concat(known, once), present)...)
}

// draw picks up to maxTried addresses at random, none twice and none that is present.
func (g *Gossip) draw(addrs []string, present map[string]bool) []string {
	addrs = slices.Compact(slices.Sorted(slices.Values(addrs)))
	addrs = slices.DeleteFunc(addrs, func(addr string) bool { return present[addr] })
	picked := min(maxTried, len(addrs))
	for i := range picked {
		j := i + int(g.o.Rand()%uint64(len(addrs)-i)) //nolint:gosec // below len
		addrs[i], addrs[j] = addrs[j], addrs[i]
	}
	return addrs[:picked]
}

// present are the addresses of the members, this process included.
func (g *Gossip) present() map[string]bool {
	present := map[string]bool{g.addr: true}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		present[m.addr] = true
	}
	return present
}

func (g *Gossip) alone() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.members) <= 1
}

// resolve replaces host names by all their addresses, so that a seed that is a member
// is known for one. A name that cannot be resolved stays, and fails where it is dialled.
func (g *Gossip) resolve(seeds []string) []string {
	var addrs []string
	for _, seed := range seeds {
		host, port, err := net.SplitHostPort(seed)
		if err != nil {
			addrs = append(addrs, seed)
			continue
		}
		ips, err := g.lookup(host)
		if err != nil {
			ips = []string{host}
		}
		for _, ip := range ips {
			addrs = append(addrs, net.JoinHostPort(ip, port))
		}
	}
	return addrs
}

// lookup resolves a host name; an address stands for itself.
func (g *Gossip) lookup(host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(g.life, dialWithin)
	defer cancel()
	return net.DefaultResolver.LookupHost(ctx, host)
}
