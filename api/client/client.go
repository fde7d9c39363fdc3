package client

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/replication/request"
)

// Client speaks to one cluster. It is safe for concurrent use; make one and keep it,
// since its connections and what it knows of the nodes live in it.
type Client struct {
	http    *http.Client
	ownHTTP bool
	timeout time.Duration
	pinned  bool
	rand    func() uint64
	born    time.Time // health is kept as time since then

	seeds  []*node
	view   atomic.Pointer[view]
	turn   atomic.Uint32 // whose turn it is among equals
	asking atomic.Bool   // a layout is being fetched
	asked  atomic.Int64  // when one was last asked for, since born
	failed atomic.Bool   // a node failed since: addresses may have changed

	life context.Context
	end  context.CancelFunc

	mu     sync.Mutex
	closed bool
	tasks  sync.WaitGroup // begins under mu, while not closed
}

// New makes a client. It sends nothing yet; it fails for options that are not valid.
func New(o Options) (*Client, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("client options: %w", err)
	}
	c := &Client{http: o.HTTP, timeout: o.Timeout, pinned: o.Pinned, rand: o.Rand, born: time.Now()}
	if c.http == nil {
		c.http, c.ownHTTP = newHTTP(o.MaxConns), true
	}
	for _, raw := range o.URLs {
		base, err := parseBase(raw)
		if err != nil {
			return nil, err
		}
		c.seeds = append(c.seeds, &node{base: base, up: true, health: &health{}})
	}
	c.view.Store(&view{nodes: c.seeds})
	c.asked.Store(-int64(refreshEvery))
	c.life, c.end = context.WithCancel(context.Background())
	return c, nil
}

// Bucket returns the keys of one bucket. It costs nothing; a name that is none fails
// at the first use.
func (c *Client) Bucket(name string) *Bucket { return &Bucket{c: c, name: name} }

// Close ends what is under way, which fails with request.ErrClosed, and waits for it.
// A second Close returns request.ErrClosed.
func (c *Client) Close() error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.mu.Unlock()
	if again {
		return request.ErrClosed
	}
	c.end()
	c.tasks.Wait()
	if c.ownHTTP {
		c.http.CloseIdleConnections()
	}
	return nil
}

// spawn runs f in a goroutine that Close waits for. It reports false after Close.
func (c *Client) spawn(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.tasks.Go(f)
	return true
}

// now is the time since the client was made, which no clock change moves.
func (c *Client) now() time.Duration { return time.Since(c.born) }

// jitter returns a random time between half of d and d.
func (c *Client) jitter(d time.Duration) time.Duration {
	if d < 2 {
		return d
	}
	return d/2 + time.Duration(c.rand()%uint64(d/2))
}
