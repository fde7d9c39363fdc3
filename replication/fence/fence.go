package fence

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// Cluster is what refilling needs of the node around it.
type Cluster interface {
	// Document is the cluster document held now; nil while there is none.
	Document() *ring.Document
	// Settled waits until the store goes by the document held.
	Settled(ctx context.Context) error
	// Up reports whether a node is believed to answer.
	Up(id ring.NodeID) bool
	// Stand asks another member where it stands in a partition. It fails with
	// storage.ErrFenced where that one is fenced itself.
	Stand(ctx context.Context, of ring.NodeID, p ring.Partition) (storage.Epochs, error)
	// Pull takes the next piece of what a primary holds: see transfer.Pull.
	Pull(ctx context.Context, from ring.NodeID, p ring.Partition, after storage.Key,
		differs func(storage.Key, causal.Digest) (bool, error), join func(storage.Key, *causal.Object) error) (Piece, error)
	// Emptied says that what this node held of a partition is gone.
	Emptied(ctx context.Context, p ring.Partition) error
	// Unfenced says that a partition is whole again.
	Unfenced(p ring.Partition)
}

// Piece is what Pull took.
type Piece struct {
	Last storage.Key
	More bool
}

// Budget paces background work.
type Budget interface {
	Wait(ctx context.Context) error
	Pay(bytes int)
}

// Options are what a Fence works with. All must be set.
type Options struct {
	Store   *storage.Store
	Cluster Cluster
	Budget  Budget
	Clock   clock.Clock
	Logger  *slog.Logger
}

const (
	// again is after what a partition is looked at again that cannot go on: who answers is
	// mostly known after a few seconds.
	again = time.Second
	// atOnce are the partitions that are filled at once.
	atOnce    = 4
	askWithin = 10 * time.Second
	// saveEvery is how many pieces lie between saved places: 4 MiB to do again at most.
	saveEvery = 16
)

// Stats tell what was done since the start.
type Stats struct {
	Aside    int64 // objects and hints set aside
	Refilled int64 // objects taken
	Unfenced int64 // partitions
}

// Fence works on the fenced partitions of one node. Close ends it.
type Fence struct {
	o    Options
	self ring.NodeID
	kick chan struct{}

	aside, refilled, unfenced atomic.Int64

	mu    sync.Mutex // guards what follows
	works map[ring.Partition]State
	opens map[ring.Partition]bool // a person has said that nobody is left to fill it

	life context.Context
	end  context.CancelFunc
	done sync.WaitGroup
}

// New starts to work.
func New(o Options) *Fence {
	f := &Fence{o: o, self: o.Store.NodeID(), kick: make(chan struct{}, 1), works: map[ring.Partition]State{}, opens: map[ring.Partition]bool{}}
	f.life, f.end = context.WithCancel(context.Background())
	f.done.Go(f.run)
	return f
}

// Kick says that there may be something to do: a partition was fenced, or there is
// another document.
func (f *Fence) Kick() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// Close ends what is under way and waits for it.
func (f *Fence) Close() {
	f.end()
	f.done.Wait()
}

// Stats tells what was done so far.
func (f *Fence) Stats() Stats {
	return Stats{Aside: f.aside.Load(), Refilled: f.refilled.Load(), Unfenced: f.unfenced.Load()}
}

// run takes the fenced partitions one step after the other, a few at once.
func (f *Fence) run() {
	for f.life.Err() == nil {
		fenced := f.o.Store.Fenced()
		if len(fenced) > 0 && f.o.Cluster.Document() != nil {
			f.pass(fenced)
			fenced = f.o.Store.Fenced()
		}
		tick := make(chan struct{})
		stop := func() bool { return true }
		if len(fenced) > 0 {
			stop = f.o.Clock.AfterFunc(again, func() { close(tick) }).Stop
		}
		select {
		case <-f.kick:
		case <-tick:
		case <-f.life.Done():
		}
		stop()
	}
}

// pass works on each partition as far as it goes.
func (f *Fence) pass(fenced []ring.Partition) {
	if err := f.o.Cluster.Settled(f.life); err != nil {
		return
	}
	var flying sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, p := range fenced {
		slots <- struct{}{} // given back when a partition cannot go on
		flying.Go(func() {
			defer func() { <-slots }()
			w := &work{f: f, p: p}
			if err := w.run(); err != nil && f.life.Err() == nil && !errors.Is(err, storage.ErrClosed) {
				f.wait(p, err)
			}
		})
	}
	flying.Wait()
}

// wait notes why a partition cannot go on, and logs it when that is new.
func (f *Fence) wait(p ring.Partition, err error) {
	f.mu.Lock()
	s := f.works[p]
	told := s.Waits == err.Error()
	s.Waits, s.Alone = err.Error(), errors.Is(err, errAlone)
	f.works[p] = s
	f.mu.Unlock()
	if !told {
		f.o.Logger.Warn("a fenced partition waits to be filled", slog.Int("partition", int(p)), slog.String("error", err.Error()))
	}
}
