package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/replication/agree"
	"github.com/hengedb/henge/replication/exchange"
	"github.com/hengedb/henge/replication/fence"
	"github.com/hengedb/henge/replication/governor"
	"github.com/hengedb/henge/replication/handoff"
	"github.com/hengedb/henge/replication/heal"
	"github.com/hengedb/henge/replication/reap"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/replication/skew"
	"github.com/hengedb/henge/replication/sweep"
	"github.com/hengedb/henge/replication/transfer"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/clock"
)

// Options are what a Coordinator works with. Store, RPC, Agent, Members and Rand
// must be set.
type Options struct {
	Name    string // of this node
	Version string // of the software
	Zone    string
	Store   *storage.Store
	RPC     *rpc.Endpoint
	Agent   *agree.Agent
	Members Membership
	Clock   clock.Clock   // nil is the machine's
	Rand    func() uint64 // safe for concurrent use
	Logger  *slog.Logger  // nil discards

	// MaxInFlight bounds the client requests at work; one more is refused at once
	// with request.ErrOverload. 0 is DefaultMaxInFlight.
	MaxInFlight int
	// ExchangeEvery is how often, about, each partition is compared with one of its
	// replicas. 0 is exchange.DefaultEvery; negative is never.
	ExchangeEvery time.Duration
	// ReapEvery is how often this node looks for what is deleted and old enough to be
	// removed; 0 is 10 seconds.
	ReapEvery time.Duration
}

// DefaultMaxInFlight is enough to keep any disk busy, and with values of 1 KiB a
// few MiB of memory.
const DefaultMaxInFlight = 1024

// behindPerRequest is how many puts may have answers outstanding behind each
// request in flight, before requests wait for them.
const behindPerRequest = 8

// slowRequest is from when on a request is logged with each replica's time.
const slowRequest = 50 * time.Millisecond

// EnsureDefaults fills in what may be left zero.
func (o *Options) EnsureDefaults() {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = DefaultMaxInFlight
	}
}

// Validate tells everything that is missing.
func (o *Options) Validate() error {
	var errs []error
	for name, missing := range map[string]bool{
		"Store": o.Store == nil, "RPC": o.RPC == nil, "Agent": o.Agent == nil,
		"Members": o.Members == nil, "Rand": o.Rand == nil,
	} {
		if missing {
			errs = append(errs, fmt.Errorf("replication.Options: %s is not set", name))
		}
	}
	if o.MaxInFlight < 0 {
		errs = append(errs, fmt.Errorf("replication.Options: MaxInFlight is %d; want 1 or more", o.MaxInFlight))
	}
	return errors.Join(errs...)
}

// A Coordinator serves puts and gets from any node, and this node's copies to
// other coordinators. It is safe for concurrent use.
type Coordinator struct {
	self     ring.NodeID
	name     string
	version  string
	zone     string
	store    *storage.Store
	rpc      *rpc.Endpoint
	agent    *agree.Agent
	members  Membership
	health   *Health
	handoff  *handoff.Handoff
	transfer *transfer.Transfer
	governor *governor.Governor
	exchange *exchange.Exchange
	sweep    *sweep.Sweep
	reap     *reap.Reap
	fence    *fence.Fence
	skew     *skew.Skew
	heal     *heal.Heal
	clock    clock.Clock
	rand     func() uint64
	log      *slog.Logger

	counters Counters
	buckets  bucketMaker
	// toldWiped is what was logged of new stores where members were; TakeIn's alone.
	toldWiped []string
	forsaken  forsaken
	inFlight  chan struct{} // a token for each client request at work
	late      chan struct{} // a token for each piece of work behind an answer

	leaving  atomic.Bool     // it says so, and serves on
	draining atomic.Bool     // new requests are refused
	life     context.Context // ends when work behind answers must
	end      context.CancelFunc
	tasks    sync.WaitGroup // everything that outlives its request
	closing  sync.RWMutex   // held for reading while tasks may be added
	closed   bool
}

// New registers the node's handlers and begins to watch its peers. It serves once
// the agent holds a document. Close ends it.
func New(o Options) (*Coordinator, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	c := &Coordinator{
		self: o.Store.NodeID(), name: o.Name, version: o.Version, zone: o.Zone,
		store: o.Store, rpc: o.RPC, agent: o.Agent, members: o.Members,
		clock: o.Clock, rand: o.Rand, log: o.Logger,
		inFlight: make(chan struct{}, o.MaxInFlight),
		late:     make(chan struct{}, behindPerRequest*o.MaxInFlight),
	}
	c.life, c.end = context.WithCancel(context.Background())
	c.health = NewHealth(HealthOptions{
		Self: c.self, Members: o.Members, Dial: o.RPC, Clock: o.Clock, Logger: o.Logger,
		OnUp: func(id ring.NodeID) {
			c.handoff.Kick()
			c.exchange.Back(id)
			c.reap.Kick()
			c.heal.Kick()
			c.fence.Kick()
		},
	})
	c.governor = governor.New(governor.Options{Clock: o.Clock, Budget: c.budget})
	c.handoff = handoff.New(handoff.Options{
		Store: o.Store, Cluster: c, Budget: c.governor.For(governor.Hints), Clock: o.Clock, Rand: o.Rand, Logger: o.Logger,
	})
	c.transfer = transfer.New(transfer.Options{
		Store: o.Store, Cluster: c, Budget: c.governor.For(governor.Transfers), Clock: o.Clock, Logger: o.Logger,
	})
	c.exchange = exchange.New(exchange.Options{
		Store: o.Store, Cluster: exchanging{c}, Clock: o.Clock, Logger: o.Logger, Every: o.ExchangeEvery,
		Pace: c.governor.For(governor.Exchange), Trees: c.governor.For(governor.Rebuilds),
	})
	c.sweep = sweep.New(sweep.Options{Store: o.Store, Cluster: c, Clock: o.Clock, Logger: o.Logger})
	c.reap = reap.New(reap.Options{
		Self: c.self, Store: o.Store, Cluster: reaping{c}, Budget: c.governor.For(governor.Reaping),
		Clock: o.Clock, Rand: o.Rand, Logger: o.Logger, Every: o.ReapEvery,
	})
	c.heal = heal.New(heal.Options{
		Store: o.Store, Cluster: healing{c}, Clock: o.Clock, Logger: o.Logger, Pace: c.governor.For(governor.Rebuilds), Healed: c.exchange.Kick,
	})
	c.fence = fence.New(fence.Options{
		Store: o.Store, Cluster: fencing{c}, Budget: c.governor.For(governor.Transfers), Clock: o.Clock, Logger: o.Logger,
	})
	c.skew = skew.New(skew.Options{Self: c.self, Cluster: c, Clock: o.Clock, Logger: o.Logger})
	c.serve()
	c.health.Start()
	return c, nil
}

// Health is this node's view of the others.
func (c *Coordinator) Health() *Health { return c.health }

// Handoff is what delivers this node's hints.
func (c *Coordinator) Handoff() *handoff.Handoff { return c.handoff }

// Adopted takes in a document that the agent has come to hold: the store learns
// who holds what before this node answers for it.
func (c *Coordinator) Adopted(d *ring.Document) {
	if err := c.store.Install(d); err != nil {
		c.log.Error("document cannot be installed", slog.String("document", d.Name().String()), attrErr(err))
	}
	c.countForsaken(d)
	c.health.Learn(d)
	c.handoff.Kick()
	c.transfer.Kick()
	c.exchange.Kick()
	c.sweep.Kick()
	c.reap.Kick()
	c.fence.Kick()
	c.skew.Kick()
	c.heal.Kick()
}

// Document is the cluster document held now; nil while there is none.
func (c *Coordinator) Document() *ring.Document { return c.agent.Document() }

// Up reports whether a node is believed to answer.
func (c *Coordinator) Up(id ring.NodeID) bool { return c.health.Up(id) }

var _ handoff.Cluster = (*Coordinator)(nil)

// Counters are what this node has done so far.
func (c *Coordinator) Counters() *Counters { return &c.counters }

// Leave makes Ready say that the node is shutting down, while it serves on: those
// who ask elsewhere next time lose nothing.
func (c *Coordinator) Leave() { c.leaving.Store(true) }

// Leaving reports whether Leave was called.
func (c *Coordinator) Leaving() bool { return c.leaving.Load() }

// Drain refuses new requests with request.ErrNotReady and waits until those at
// work are answered, or ctx ends.
func (c *Coordinator) Drain(ctx context.Context) error {
	c.draining.Store(true)
	for range cap(c.inFlight) {
		select {
		case c.inFlight <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("drain: %w", context.Cause(ctx))
		}
	}
	return nil
}

// Close refuses new requests, ends the work behind answers and waits for it.
func (c *Coordinator) Close() error {
	c.draining.Store(true)
	c.closing.Lock()
	again := c.closed
	c.closed = true
	c.closing.Unlock()
	if again {
		return request.ErrClosed
	}
	c.end()
	c.heal.Close()
	c.exchange.Close()
	c.transfer.Close()
	c.sweep.Close()
	c.reap.Close()
	c.fence.Close()
	c.skew.Close()
	c.handoff.Close()
	c.health.Close()
	c.tasks.Wait()
	return nil
}

// admit begins a request: it takes a place among those at work, or is refused at
// once, and Close waits for it.
func (c *Coordinator) admit(ctx context.Context) (release func(), err error) {
	leave, err := c.seat()
	if err != nil {
		return nil, err
	}
	done, err := c.work(ctx)
	if err != nil {
		leave()
		return nil, err
	}
	return func() { done(); leave() }, nil
}

// seat takes a place among the requests at work, or refuses at once.
func (c *Coordinator) seat() (leave func(), err error) {
	if err := c.serving(); err != nil {
		return nil, err
	}
	select {
	case c.inFlight <- struct{}{}:
		return func() { <-c.inFlight }, nil
	default:
		c.counters.Overloads.Add(1)
		return nil, fmt.Errorf("%w: %d requests are at work", request.ErrOverload, cap(c.inFlight))
	}
}

// work begins what Close waits for. Deadlines and expiries are held against the clock
// from here on, so it must show the time.
func (c *Coordinator) work(ctx context.Context) (done func(), err error) {
	if !c.enter() {
		return nil, request.ErrClosed
	}
	if err := c.store.AwaitClock(ctx); err != nil {
		c.tasks.Done()
		return nil, refusal(err)
	}
	return c.tasks.Done, nil
}

// within bounds a request: it ends with its time, or with the coordinator.
func (c *Coordinator) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := clock.WithTimeout(ctx, c.clock, d)
	stop := context.AfterFunc(c.life, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// ended says why a request's context has ended: its time is over, this node closes,
// or its caller gave up, for the reason that the caller names.
func (c *Coordinator) ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, context.DeadlineExceeded):
		return request.ErrTimeout
	case c.life.Err() != nil:
		return request.ErrClosed
	}
	return cause
}

// enter adds one to tasks, unless Close has begun.
func (c *Coordinator) enter() bool {
	c.closing.RLock()
	defer c.closing.RUnlock()
	if c.closed {
		return false
	}
	c.tasks.Add(1)
	return true
}

// behind runs f after the answer. When too much is left behind already, f runs
// before the answer instead: that slows callers down to what the replicas bear.
func (c *Coordinator) behind(f func()) {
	select {
	case c.late <- struct{}{}:
	default:
		c.counters.Inline.Add(1)
		f()
		return
	}
	if !c.enter() {
		<-c.late
		return
	}
	go func() {
		defer c.tasks.Done()
		defer func() { <-c.late }()
		f()
	}()
}
