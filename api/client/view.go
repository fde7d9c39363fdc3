package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// view is what the client knows of the cluster: the URLs it was given, and, once a
// layout was fetched, every member and who holds what. It is immutable.
type view struct {
	nodes    []*node
	replicas [][]*node // for each partition; nil before the first layout
}

// holders are the nodes that hold a key's partition, as far as known.
func (v *view) holders(bucket, key string) []*node {
	if v.replicas == nil || key == "" {
		return nil
	}
	return v.replicas[ring.PositionOf(bucket, key).Partition(len(v.replicas))]
}

// pick chooses whom to ask next: a replica that is well, in turn; else any node that
// is well; else the one that has rested longest. Nodes that were tried are left out;
// nil when all were.
func (v *view) pick(holders, tried []*node, turn uint32, now time.Duration) *node {
	for _, among := range [][]*node{holders, v.nodes} {
		if n := choose(among, tried, turn, func(n *node) bool { return n.up && n.well(now) }); n != nil {
			return n
		}
	}
	for _, among := range [][]*node{holders, v.nodes} {
		if n := choose(among, tried, turn, func(n *node) bool { return n.well(now) }); n != nil {
			return n
		}
	}
	var longest *node
	for _, n := range v.nodes {
		if !slices.Contains(tried, n) && (longest == nil || n.rests.Load() < longest.rests.Load()) {
			longest = n
		}
	}
	return longest
}

// choose returns the first node from the turn's on that will do.
func choose(among, tried []*node, turn uint32, will func(*node) bool) *node {
	for i := range among {
		n := among[(int(turn%uint32(len(among)))+i)%len(among)]
		if !slices.Contains(tried, n) && will(n) {
			return n
		}
	}
	return nil
}

const (
	// refreshEvery is how old a layout may get: moved nodes answer by a hop meanwhile.
	refreshEvery = 30 * time.Second
	// refreshSoon is for when a node failed: its address may have changed.
	refreshSoon = time.Second
	// refreshTimeout bounds the fetching.
	refreshTimeout = 5 * time.Second
)

// learn fetches the layout behind a request that was answered, when it is due.
func (c *Client) learn() {
	if c.pinned {
		return
	}
	now, asked := c.now(), time.Duration(c.asked.Load())
	due := now-asked >= refreshEvery || c.failed.Load() && now-asked >= refreshSoon
	if !due || !c.asking.CompareAndSwap(false, true) {
		return
	}
	c.asked.Store(int64(now))
	c.failed.Store(false)
	if !c.spawn(c.refresh) {
		c.asking.Store(false)
	}
}

// refresh fetches the layout and makes a view of it. While that fails, what is known
// stands, and the next due time tries again.
func (c *Client) refresh() {
	defer c.asking.Store(false)
	if !c.fetchLayout() {
		c.failed.Store(true) // due again soon
	}
}

func (c *Client) fetchLayout() bool {
	ctx, cancel := context.WithTimeout(c.life, refreshTimeout)
	defer cancel()
	r, err := c.do(ctx, &operation{
		verb: "layout", method: http.MethodGet, path: wire.Layout, raw: wire.Layout, patience: refreshTimeout / 2,
	})
	var layout request.Layout
	if err != nil || json.Unmarshal(r.body, &layout) != nil {
		return false
	}
	next, err := c.newView(&layout)
	if err != nil {
		return false
	}
	c.view.Store(next)
	return true
}

// newView checks a layout and joins it with the health known so far. Members without
// an HTTP address cannot be asked and are left out.
func (c *Client) newView(l *request.Layout) (*view, error) {
	q := l.Partitions
	if q < 1 || q&(q-1) != 0 || len(l.Replicas) != q {
		return nil, fmt.Errorf("layout of %d partitions with %d rows", q, len(l.Replicas))
	}
	known := c.view.Load().nodes
	v := &view{replicas: make([][]*node, q)}
	members := make([]*node, len(l.Nodes))
	for i, m := range l.Nodes {
		if members[i] = c.member(m, known); members[i] != nil {
			v.nodes = append(v.nodes, members[i])
		}
	}
	for p, row := range l.Replicas {
		for _, i := range row {
			if i < 0 || i >= len(members) {
				return nil, fmt.Errorf("layout names node %d of %d", i, len(members))
			}
			if members[i] != nil {
				v.replicas[p] = append(v.replicas[p], members[i])
			}
		}
	}
	for _, seed := range c.seeds {
		if !slices.ContainsFunc(v.nodes, func(n *node) bool { return n.base.Host == seed.base.Host }) {
			v.nodes = append(v.nodes, seed)
		}
	}
	return v, nil
}

// member is a layout's node as this client asks it; nil when it cannot be asked.
func (c *Client) member(m request.LayoutNode, known []*node) *node {
	if !reachable(m.HTTP) {
		return nil
	}
	base := &url.URL{Scheme: c.seeds[0].base.Scheme, Host: m.HTTP}
	for _, n := range slices.Concat(known, c.seeds) {
		if n.base.Host == m.HTTP {
			return &node{id: m.ID, base: n.base, up: m.Up, health: n.health}
		}
	}
	return &node{id: m.ID, base: base, up: m.Up, health: &health{}}
}

// reachable reports whether an address names a host: one that listens on every
// address of its machine does not say which.
func reachable(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil || host == "" {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.IsUnspecified()
}
