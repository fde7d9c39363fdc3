package handoff

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// Cluster is what delivery needs of the node around it.
type Cluster interface {
	// Document is the cluster document held now; nil while there is none.
	Document() *ring.Document
	// Up reports whether a node is believed to answer.
	Up(ring.NodeID) bool
	// Deliver joins an object into a primary's copy; nil once it holds it on disk.
	Deliver(ctx context.Context, to ring.NodeID, bucket, key string, object *causal.Object) error
}

// Budget is what the bytes of deliveries are taken from.
type Budget interface {
	Wait(ctx context.Context) error // returns once one more may be made
	Pay(n int)
}

// Options are what a Handoff works with. Store, Cluster, Budget, Clock, Rand and Logger
// must be set.
type Options struct {
	Store   *storage.Store
	Cluster Cluster
	Budget  Budget
	Clock   clock.Clock
	Rand    func() uint64 // safe for concurrent use
	Logger  *slog.Logger

	// InFlight is how many hints are on their way at once; 0 is 32: enough for the
	// receiver to sync many at a time, few beside its clients' requests.
	InFlight int
	// Pressure is from how many hints on one may end although its targets are still
	// away; 0 is 1,000,000, about a gibibyte of small objects.
	Pressure int64
}

// The pace of delivery. A node that is back kicks a pass off; the others are for
// what came too late for it. A pass reads every hint, so where it achieves nothing
// the next one may wait; never so long that somebody would look for the reason.
const (
	passEvery     = 2 * time.Second
	passSlowest   = 10 * time.Second
	deliverWithin = 5 * time.Second
)

// Handoff delivers the hints of one store. Close ends it.
type Handoff struct {
	o         Options
	kick      chan struct{}
	delivered atomic.Int64
	failed    atomic.Int64
	ended     atomic.Int64
	oldest    atomic.Uint64 // stamp of the oldest hint that the last pass left; 0: none
	life      context.Context
	end       context.CancelFunc
	done      sync.WaitGroup
}

// Stats tell what delivery has done since the start.
type Stats struct {
	Delivered int64 // copies that a primary acknowledged
	Failed    int64 // tries that failed; they are tried again
	Ended     int64 // hints that ended
}

// New starts delivery.
func New(o Options) *Handoff {
	if o.InFlight == 0 {
		o.InFlight = 32
	}
	if o.Pressure == 0 {
		o.Pressure = 1_000_000
	}
	h := &Handoff{o: o, kick: make(chan struct{}, 1)}
	h.life, h.end = context.WithCancel(context.Background())
	h.done.Go(h.run)
	return h
}

// Kick has delivery begin a pass now: a node is back.
func (h *Handoff) Kick() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// Close stops delivery and waits for what is on its way.
func (h *Handoff) Close() {
	h.end()
	h.done.Wait()
}

// Stats tells what was done so far.
func (h *Handoff) Stats() Stats {
	return Stats{Delivered: h.delivered.Load(), Failed: h.failed.Load(), Ended: h.ended.Load()}
}

// Oldest is when the oldest hint began, as the last pass saw it.
func (h *Handoff) Oldest() (causal.Stamp, bool) {
	oldest := causal.Stamp(h.oldest.Load())
	return oldest, oldest != 0 && h.o.Store.HintStats().Count > 0
}

func (h *Handoff) run() {
	pause := passEvery
	for h.life.Err() == nil {
		if h.o.Store.HintStats().Count > 0 && h.o.Cluster.Document() != nil {
			before := h.delivered.Load()
			h.pass()
			pause = min(2*pause, passSlowest)
			if h.delivered.Load() > before {
				pause = passEvery
			}
		}
		if kicked := h.wait(pause); kicked {
			pause = passEvery
		}
	}
}

// wait ends with a kick, after pause, or when delivery ends.
func (h *Handoff) wait(pause time.Duration) (kicked bool) {
	tick := make(chan struct{})
	timer := h.o.Clock.AfterFunc(pause, func() { close(tick) })
	defer timer.Stop()
	select {
	case <-h.kick:
		return true
	case <-tick:
	case <-h.life.Done():
	}
	return false
}

// pass offers every hint once to whoever is up.
func (h *Handoff) pass() {
	slots := make(chan struct{}, h.o.InFlight)
	var flying sync.WaitGroup
	defer flying.Wait()
	var oldest causal.Stamp
	for record, err := range h.o.Store.Hints(h.life, nil) {
		if err != nil {
			if h.life.Err() == nil {
				h.o.Logger.Error("hints cannot be read", slog.String("error", err.Error()))
			}
			return
		}
		if oldest == 0 || record.Hint.Since < oldest {
			oldest = record.Hint.Since
		}
		if o := record.Hint.Object; o != nil && h.o.Cluster.Document().Discarded(record.Key.Bucket, o.Generation) {
			continue // it goes with its bucket
		}
		primaries := h.primaries(record.Key)
		if record.Hint.Object != nil && slices.Contains(primaries, h.o.Store.NodeID()) {
			h.adopt(record.Key) // it is a marker in the next pass
			continue
		}
		recipients := h.recipients(record.Hint, primaries)
		if len(recipients) == 0 {
			if h.enough(record.Hint, primaries) { // the layout has moved on to nodes that hold it
				if err := h.note(record, nil); err != nil {
					h.fault("hint cannot be ended", err)
				}
			}
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-h.life.Done():
			return
		}
		flying.Go(func() {
			defer func() { <-slots }()
			h.offer(record, recipients)
		})
	}
	h.oldest.Store(uint64(oldest))
}

func (h *Handoff) fault(what string, err error) {
	h.failed.Add(1)
	if errors.Is(err, storage.ErrClosed) || h.life.Err() != nil {
		return
	}
	h.o.Logger.Warn("hint not delivered", slog.String("what", what), slog.String("error", err.Error()))
}
