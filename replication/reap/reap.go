package reap

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// Cluster is what reaping needs of the node around it.
type Cluster interface {
	// Document is the cluster document held now; nil while there is none.
	Document() *ring.Document
	// Settled waits until the store goes by the document held.
	Settled(ctx context.Context) error
	// Undecided reports whether this node has accepted a document that follows the one
	// held, as a voter: it may have been decided.
	Undecided(ctx context.Context) (bool, error)
	// Up reports whether a node is believed to answer.
	Up(id ring.NodeID) bool
	// Ask has another node Handle a message, by a document no older than this node's.
	Ask(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error)
	// Meet goes by where another member stands in a partition.
	Meet(ctx context.Context, p ring.Partition, theirs storage.Epochs) error
	// Propose has the voters decide an edit of the document.
	Propose(ctx context.Context, edit func(*ring.Document) (*ring.Document, error)) error
}

// Budget paces background work.
type Budget interface {
	Wait(ctx context.Context) error
	Pay(bytes int)
}

// Options are what a Reap works with. All but Every must be set.
type Options struct {
	Self    ring.NodeID
	Store   *storage.Store
	Cluster Cluster
	Budget  Budget
	Clock   clock.Clock
	Rand    func() uint64
	Logger  *slog.Logger
	Every   time.Duration // how often this node looks for what to reap; 0 is 10 s
}

const (
	defaultEvery = 10 * time.Second
	askWithin    = 10 * time.Second
	// takeAgain is after what a node that awaits epochs asks again: nobody answered.
	takeAgain = 200 * time.Millisecond
	// roundKeys bounds a round: some 500 KiB in a message.
	roundKeys = 4096
)

// Reap takes part in the rounds, and leads those of the partitions of which this node is
// the first replica. Close ends it.
type Reap struct {
	o    Options
	kick chan struct{}

	rounds, ended, reaped, narrowed atomic.Int64

	mu sync.Mutex // guards what follows
	// answered are the epochs to which this start has raised and said so: only those may
	// be committed. Committed are those of the rounds that this start may remove for.
	answered, committed map[ring.Partition]causal.Epoch
	// ripe is when something in a partition may be old enough next.
	ripe  map[ring.Partition]time.Time
	grace time.Duration // by which ripe was reckoned
	// young and old are when the oldest of what is dead in a partition died, among what
	// was too young for a round and among what was not, as of the last look.
	young, old map[ring.Partition]time.Time
	waits      []string // why nothing was reaped in the last pass though something is ripe

	life context.Context
	end  context.CancelFunc
	done sync.WaitGroup
}

// New starts to look for what to reap.
func New(o Options) *Reap {
	if o.Every <= 0 {
		o.Every = defaultEvery
	}
	r := &Reap{
		o: o, kick: make(chan struct{}, 1),
		answered: map[ring.Partition]causal.Epoch{}, committed: map[ring.Partition]causal.Epoch{}, ripe: map[ring.Partition]time.Time{},
		young: map[ring.Partition]time.Time{}, old: map[ring.Partition]time.Time{},
	}
	r.life, r.end = context.WithCancel(context.Background())
	r.done.Go(r.run)
	return r
}

// Kick says that there may be something to do: another document, a node that is back.
func (r *Reap) Kick() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// Close ends what is under way and waits for it.
func (r *Reap) Close() {
	r.end()
	r.done.Wait()
}

// Report tells what was reaped, and what is left to be.
type Report struct {
	Rounds   int64 // led to their end, by partition
	Ended    int64 // led, and ended early, by partition
	Reaped   int64 // keys that this node has removed, as replica or first replica
	Narrowed int64 // keys whose context this node has narrowed
	Mortal   int   // keys here that are deleted, or expire some day
	Wide     int   // keys here whose context names more than they hold
	// Oldest is since when the oldest of what is deleted or has expired in the partitions
	// that this node leads is so, as of the last look; zero where there is none.
	Oldest  time.Time
	Waiting []string
}

// Report tells how far this node is. Waiting says what holds up its rounds; it is empty
// while nothing is old enough.
func (r *Reap) Report() Report {
	report := Report{Rounds: r.rounds.Load(), Ended: r.ended.Load(), Reaped: r.reaped.Load(), Narrowed: r.narrowed.Load()}
	if doc := r.o.Cluster.Document(); doc != nil {
		for p := range doc.Layout {
			residue, _ := r.o.Store.Residue(ring.Partition(p)) //nolint:gosec // there are few
			report.Mortal += residue.Mortal
			report.Wide += residue.Wide
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, died := range []map[ring.Partition]time.Time{r.young, r.old} {
		for _, at := range died {
			report.Oldest = earlier(report.Oldest, at)
		}
	}
	report.Waiting = append(report.Waiting, r.waits...)
	return report
}

func (r *Reap) run() {
	for r.life.Err() == nil {
		pause := r.o.Every
		if !r.takeEpochs() {
			pause = min(pause, takeAgain)
		}
		r.pass()
		tick := make(chan struct{})
		timer := r.o.Clock.AfterFunc(pause, func() { close(tick) })
		select {
		case <-tick:
		case <-r.kick:
		case <-r.life.Done():
		}
		timer.Stop()
	}
}

// takeEpochs takes the epochs that the store awaits from any member that has them, and
// reports whether it awaits none any more. Where no member has any there was no round:
// every member keeps what was committed. A node that is no member yet waits: rounds go on
// without it until it is, and what it took would be too low.
func (r *Reap) takeEpochs() bool {
	doc := r.o.Cluster.Document()
	if doc == nil || !doc.Reaping {
		return true
	}
	if _, member := doc.Member(r.o.Self); !member {
		return true
	}
	awaited := map[ring.Partition]int{} // and how many others await them too
	for i := range doc.Layout {
		if p := ring.Partition(i); r.o.Store.Epochs(p).Awaited { //nolint:gosec // there are few
			awaited[p] = 0
		}
	}
	for _, m := range doc.Members {
		if len(awaited) == 0 {
			return true
		}
		if m.ID == r.o.Self || !r.o.Cluster.Up(m.ID) {
			continue
		}
		got, err := r.ask(m.ID, ask{Kind: kindTable})
		if err != nil || len(got.Epochs) != len(doc.Layout) {
			continue
		}
		for p := range awaited {
			e := got.Epochs[p]
			if e.Awaited {
				if awaited[p]++; awaited[p] < len(doc.Members)-1 {
					continue
				}
			}
			if err := r.o.Cluster.Meet(r.life, p, storage.Epochs{Raised: e.Raised, Committed: e.Committed}); err != nil {
				r.o.Logger.Warn("epochs of a partition cannot be taken yet", slog.Int("partition", int(p)), slog.String("error", err.Error()))
				return false
			}
			delete(awaited, p)
		}
	}
	return len(awaited) == 0
}

// ask asks one member.
func (r *Reap) ask(to ring.NodeID, a ask) (*answer, error) {
	body, err := encode(a)
	if err != nil {
		return nil, err
	}
	ctx, cancel := clock.WithTimeout(r.life, r.o.Clock, askWithin)
	defer cancel()
	raw, err := r.o.Cluster.Ask(ctx, to, body)
	if err != nil {
		return nil, err
	}
	var got answer
	return &got, decode(raw, &got)
}

// earlier is the time that comes first; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
