package henge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hengedb/henge/api"
	"github.com/hengedb/henge/replication"
	"github.com/hengedb/henge/replication/agree"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/clock"
)

// Node is one member of a cluster, or a cluster of one. It is safe for concurrent
// use. Close it to release its directory, listeners and goroutines.
type Node struct {
	o       Options
	log     *slog.Logger
	rand    func() uint64
	nonce   uint64
	store   *storage.Store
	agent   *agree.Agent
	rpc     *rpc.Endpoint
	members replication.Membership
	keys    *replication.Coordinator
	api     *api.Server
	server  *api.Front
	addrs   Addrs
	peer    peerState

	ready     chan struct{} // closed once the document is held
	readyOnce sync.Once
	met       map[ring.NodeID]uint64 // of follow: who was there at its last look, by nonce
	done      chan struct{}          // closed when the node cannot go on, or is closed
	doneOnce  sync.Once
	fatal     error // set before done is closed

	life    context.Context
	end     context.CancelFunc
	tasks   sync.WaitGroup
	closing sync.Once
}

// Verify compares what the replicas of a part of a partition hold, on their disks, and
// with Repair has them join each other's.
func (n *Node) Verify(ctx context.Context, o VerifyOptions) (Verification, error) {
	return n.keys.Verify(ctx, o)
}

// Addrs are the addresses a node listens on; empty ones it does not.
type Addrs struct {
	HTTP   string
	RPC    string
	Gossip string
}

var (
	_ api.Changer  = (*replication.Coordinator)(nil)
	_ api.Governed = (*replication.Coordinator)(nil)
	_ api.Salvager = (*replication.Coordinator)(nil)
)

// Open opens the store in dir, making it if need be, and returns once the
// listeners stand. The node serves once it holds the cluster document: Ready waits
// for that. ctx bounds Open only.
//
// Open fails when dir is in use, was written by a newer version or belongs to
// another cluster, when an address cannot be listened on, and when options
// contradict each other; the error says which.
func Open(ctx context.Context, dir string, o Options) (*Node, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("henge options: %w", err)
	}
	n := &Node{o: o, ready: make(chan struct{}), done: make(chan struct{})}
	n.rand = seeded(o.Seams.Seed)
	n.nonce = startNonce(n.o.Seams.Clock.Now(), n.rand())
	n.life, n.end = context.WithCancel(context.Background())
	if err := n.open(ctx, dir); err != nil {
		return nil, errors.Join(err, n.release())
	}
	n.tasks.Go(n.follow)
	return n, nil
}

// open builds the node from below: store, transport, agreement, membership,
// coordinator, HTTP. What stands is released again when the next part fails.
func (n *Node) open(ctx context.Context, dir string) error {
	var err error
	n.store, err = storage.Open(dir, storage.Options{
		FS: n.o.Seams.FS, Clock: n.o.Seams.Clock, Rand: n.rand, Logger: n.o.Logger, CacheBytes: n.o.CacheBytes,
	})
	if err != nil {
		return err
	}
	n.log = n.o.Logger.With(slog.String("node", n.name()))
	n.rpc, err = rpc.New(rpc.Options{
		Self: n.hello, Check: n.checkPeer, Document: n.documentVersion,
		Network: n.o.Seams.Network, Clock: n.o.Seams.Clock, Logger: n.log,
	})
	if err != nil {
		return err
	}
	n.agent, err = agree.New(agree.Options{
		Self: n.store.NodeID(), Log: documentLog{n.store}, Peers: agreePeers{n}, Clock: n.o.Seams.Clock,
		Rand: n.rand, Logger: n.log, Adopted: n.adopted, Abstain: func() string { return replication.Abstains(n.store) },
	})
	if err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	return n.listen()
}

// listen opens the listeners and joins what they belong to. It serves last: before the
// document is installed a store takes nothing.
func (n *Node) listen() error {
	httpListener, err := n.listenOn("HTTP", n.o.HTTP)
	if err != nil {
		return err
	}
	rpcListener, err := n.listenOn("RPC", n.o.RPC)
	if err != nil {
		return errors.Join(err, closeListener(httpListener))
	}
	n.addrs = Addrs{HTTP: addrOf(httpListener), RPC: addrOf(rpcListener)}
	if n.members, err = n.join(); err != nil {
		return errors.Join(err, closeListener(httpListener), closeListener(rpcListener))
	}
	n.keys, err = replication.New(replication.Options{
		Name: n.name(), Version: n.o.Version, Zone: n.o.Zone, Store: n.store, RPC: n.rpc, Agent: n.agent,
		Members: n.members, Clock: n.o.Seams.Clock, Rand: n.rand, Logger: n.log, MaxInFlight: n.o.MaxInFlight,
		ExchangeEvery: n.o.ExchangeEvery, ReapEvery: n.o.ReapEvery,
	})
	if err != nil {
		return errors.Join(err, closeListener(httpListener), closeListener(rpcListener))
	}
	if err := n.o.Registry.Register(collector{n}); err != nil {
		return errors.Join(fmt.Errorf("register metrics: %w", err), closeListener(httpListener), closeListener(rpcListener))
	}
	n.api, err = api.New(api.Options{
		Keys: n.keys, Admin: n.keys, Registry: n.o.Registry, Logger: n.log, Pprof: n.o.Pprof, MaxValue: n.maxValue, Rand: n.rand,
	})
	if err != nil {
		return errors.Join(err, closeListener(httpListener), closeListener(rpcListener))
	}
	n.rpc.Handle(replication.MethodAgree, rpc.Spawn, n.serveAgree)
	if doc := n.agent.Document(); doc != nil {
		n.adopted(doc)
	}
	if rpcListener != nil {
		n.rpc.Serve(rpcListener)
	}
	if httpListener != nil {
		n.server = api.NewServer(n.api, n.log)
		n.tasks.Go(func() { n.serveHTTP(httpListener) })
	}
	return nil
}

// serveHTTP serves until the server is shut down; a listener that breaks ends the
// node.
func (n *Node) serveHTTP(l net.Listener) {
	if err := n.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		n.fail(fmt.Errorf("HTTP listener: %w", err))
	}
}

// Settings are the cluster's.
func (n *Node) Settings() (Settings, error) { return n.keys.Settings() }

// SetSettings changes the cluster's settings by decision of its voters, and returns them:
// what change makes of them. change may run several times.
func (n *Node) SetSettings(ctx context.Context, change func(Settings) (Settings, error)) (Settings, error) {
	return n.keys.SetSettings(ctx, change)
}

// Ready waits until the node holds the cluster document and serves, ctx ends, or
// the node cannot go on.
func (n *Node) Ready(ctx context.Context) error {
	select {
	case <-n.ready:
		return n.Err()
	case <-n.done:
		return n.Err()
	case <-ctx.Done():
		if err := n.keys.Ready(); err != nil {
			return fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
		return context.Cause(ctx)
	}
}

// Bucket returns the keys of one bucket. It costs nothing; a name that is none
// fails at the first use.
func (n *Node) Bucket(name string) *Bucket { return &Bucket{name: name, keys: n.keys} }

// Handler serves the HTTP interface, for programs with a server of their own.
func (n *Node) Handler() http.Handler { return n.api }

// Status tells the cluster as this node sees it.
func (n *Node) Status(ctx context.Context) Status { return n.keys.Status(ctx) }

// Explain tells why a key is what it is: who should hold it, who does, in which
// versions, and what reads would find now.
func (n *Node) Explain(ctx context.Context, bucket, key string) (Explanation, error) {
	return n.keys.Explain(ctx, bucket, key)
}

// Addrs are the addresses the node listens on.
func (n *Node) Addrs() Addrs { return n.addrs }

// ID is the node's own, made with its store.
func (n *Node) ID() ring.NodeID { return n.store.NodeID() }

// Metrics gathers what the node shows to Prometheus, for programs that serve it
// themselves. It is Options.Registry, or the node's own.
func (n *Node) Metrics() prometheus.Gatherer { return n.o.Registry }

// Done is closed when the node cannot go on: Err says why. Close closes it too.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err is why Done is closed; ErrClosed after Close.
func (n *Node) Err() error {
	select {
	case <-n.done:
		return n.fatal
	default:
		return nil
	}
}

// fail ends the node's service for a reason that only a person can remove.
func (n *Node) fail(err error) {
	n.doneOnce.Do(func() {
		n.fatal = err
		close(n.done)
		if !errors.Is(err, ErrClosed) {
			n.log.Error("node cannot go on", slog.String("error", err.Error()))
		}
	})
}

// lameDuck is how long a draining node still serves after it has told everybody:
// the time of a few rounds of gossip.
const lameDuck = 300 * time.Millisecond

// Drain prepares a clean end: the node says that it is not ready, tells its peers,
// serves on while they hear it, then refuses new requests and waits for those at
// work. Close comes after it.
func (n *Node) Drain(ctx context.Context) error {
	n.keys.Leave()
	n.announce()
	if err := clock.Sleep(ctx, n.o.Seams.Clock, lameDuck); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	if n.server != nil {
		if err := n.server.Shutdown(ctx); err != nil {
			return fmt.Errorf("drain HTTP: %w", err)
		}
	}
	return n.keys.Drain(ctx)
}

// Close stops the node and waits for its goroutines. Requests at work fail; Drain
// first lets them finish. A second Close returns ErrClosed.
func (n *Node) Close() error {
	err := ErrClosed
	n.closing.Do(func() {
		n.fail(ErrClosed)
		err = n.release()
	})
	return err
}

// release closes what stands, in the reverse order of open.
func (n *Node) release() error {
	n.end()
	var errs []error
	if n.server != nil {
		errs = append(errs, n.server.Close())
	}
	if n.members != nil {
		errs = append(errs, n.members.Close())
	}
	if n.keys != nil {
		errs = append(errs, n.keys.Close())
		n.o.Registry.Unregister(collector{n})
	}
	if n.server != nil {
		n.server.Wait() // its requests have ended with the coordinator
	}
	if n.agent != nil {
		errs = append(errs, n.agent.Close())
	}
	if n.rpc != nil {
		errs = append(errs, n.rpc.Close())
	}
	n.tasks.Wait()
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}
