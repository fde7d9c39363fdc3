package exchange

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// Cluster is what exchanges need of the node around them.
type Cluster interface {
	// Document is the cluster document held now; nil while there is none.
	Document() *ring.Document
	// Up reports whether a node is believed to answer.
	Up(ring.NodeID) bool
	// Deliver joins an object into a node's copy; nil once it holds it on disk.
	Deliver(ctx context.Context, to ring.NodeID, bucket, key string, object *causal.Object) error
	// Ask has another node's Handle answer, once that node holds this one's document
	// or a newer one.
	Ask(ctx context.Context, to ring.NodeID, p ring.Partition, body []byte) ([]byte, error)
}

// Options are what an Exchange works with. Store, Cluster, Clock and Logger must be set.
type Options struct {
	Store   *storage.Store
	Cluster Cluster
	Clock   clock.Clock
	Logger  *slog.Logger
	Pace    Pace // of comparisons and what they ship; nil holds nothing back
	Trees   Pace // of building hash trees; nil holds nothing back

	// Every is how often a partition is compared with one of its replicas, about; 0 is
	// DefaultEvery, negative is never: then only the ledger is served.
	Every time.Duration
	// Rebuild is how often a tree is built again, about; 0 is DefaultRebuild.
	Rebuild time.Duration
}

// The defaults of Options.
const (
	// DefaultEvery finds what hints and repairs did not bring within minutes, at a
	// message of some bytes for each partition.
	DefaultEvery = time.Minute
	// DefaultRebuild reads everything once a week: what a disk changed silently is found
	// before, at N = 3, a second replica is likely to have changed too.
	DefaultRebuild = 7 * 24 * time.Hour
)

// The pace of the work.
const (
	soon       = 3 * time.Second  // after a node is back: its hints come first
	askWithin  = 10 * time.Second // a paced peer may take its time
	inFlight   = 8                // objects on their way to a replica at once
	rebuildTry = 10 * time.Second // after a tree could not be built
)

// Stats tell what was done since the start.
type Stats struct {
	Exchanges int64 // begun: a root or the ledger's segments were compared
	Equal     int64 // whose roots were equal
	Unknown   int64 // left, for a tree was being built, here or there
	Failed    int64 // that could not be ended; others will be made
	Messages  int64 // asks and objects sent
	BytesOut  int64
	BytesIn   int64
	Segments  int64 // compared key by key
	Keys      int64 // compared
	Pulled    int64 // objects that another replica had and this one had not
	Pushed    int64 // objects that another replica lacked
	Trees     int64 // built

	Dirty       int       // segments in the ledger
	DirtyOldest time.Time // entry; zero when there is none
	Served      int64     // ledger entries that were worked off
}

// Exchange is one node's part in anti-entropy. Close ends it.
type Exchange struct {
	o         Options
	self      ring.NodeID
	pace      Pace
	kick      chan struct{}
	kickBuild chan struct{}
	ledger    ledger
	dice      dice // of run
	counts    counts

	mu    sync.Mutex // guards what follows
	turns map[ring.Partition]*turn
	doc   *ring.Document // by which turns are
	back  []ring.NodeID  // nodes that have come back, not yet in turns

	life context.Context
	end  context.CancelFunc
	done sync.WaitGroup
}

// counts are the numbers of Stats.
type counts struct {
	exchanges, equal, unknown, failed, messages, bytesOut, bytesIn atomic.Int64
	segments, keys, pulled, pushed, trees, served                  atomic.Int64
}

// New starts the work.
func New(o Options) *Exchange {
	if o.Every == 0 {
		o.Every = DefaultEvery
	}
	if o.Rebuild == 0 {
		o.Rebuild = DefaultRebuild
	}
	if o.Trees == nil {
		o.Trees = unpaced{}
	}
	if o.Pace == nil {
		o.Pace = unpaced{}
	}
	x := &Exchange{
		o: o, self: o.Store.NodeID(), pace: o.Pace, kick: make(chan struct{}, 1), kickBuild: make(chan struct{}, 1),
		turns: map[ring.Partition]*turn{}, ledger: ledger{pairs: map[pair]*entry{}},
	}
	x.dice = x.newDice(1)
	x.life, x.end = context.WithCancel(context.Background())
	x.done.Go(x.run)
	if o.Every > 0 {
		x.done.Go(x.build)
	}
	return x
}

// Kick has it look at the document anew.
func (x *Exchange) Kick() {
	for _, kick := range []chan struct{}{x.kick, x.kickBuild} {
		select {
		case kick <- struct{}{}:
		default:
		}
	}
}

// Back says that a node has come back: what is shared with it is compared soon.
func (x *Exchange) Back(id ring.NodeID) {
	x.mu.Lock()
	if !slices.Contains(x.back, id) {
		x.back = append(x.back, id)
	}
	x.mu.Unlock()
	x.Kick()
}

// Close ends the work under way and waits for it.
func (x *Exchange) Close() {
	x.end()
	x.done.Wait()
}

// Stats tells what was done so far.
func (x *Exchange) Stats() Stats {
	c := &x.counts
	s := Stats{
		Exchanges: c.exchanges.Load(), Equal: c.equal.Load(), Unknown: c.unknown.Load(), Failed: c.failed.Load(),
		Messages: c.messages.Load(), BytesOut: c.bytesOut.Load(), BytesIn: c.bytesIn.Load(),
		Segments: c.segments.Load(), Keys: c.keys.Load(), Pulled: c.pulled.Load(), Pushed: c.pushed.Load(),
		Trees: c.trees.Load(), Served: c.served.Load(),
	}
	s.Dirty, s.DirtyOldest = x.ledger.size()
	return s
}

// wait ends with a kick, after pause, or when the work ends.
func (x *Exchange) wait(kick <-chan struct{}, pause time.Duration) {
	tick := make(chan struct{})
	timer := x.o.Clock.AfterFunc(pause, func() { close(tick) })
	defer timer.Stop()
	select {
	case <-kick:
	case <-tick:
	case <-x.life.Done():
	}
}

// dice spread out what began together. A goroutine has its own, seeded by the node's id,
// which is random: so that in a simulation nobody else's draws move.
type dice struct{ source *rand.Rand }

func (x *Exchange) newDice(stream uint64) dice {
	return dice{rand.New(rand.NewPCG(uint64(x.self), stream))} //nolint:gosec // no secret
}

// about is d, up to a quarter more or less.
func (d dice) about(t time.Duration) time.Duration { return t*3/4 + d.below(t/2) }

// below is a random part of t.
func (d dice) below(t time.Duration) time.Duration {
	return time.Duration(d.source.Int64N(int64(max(t, 1))))
}
