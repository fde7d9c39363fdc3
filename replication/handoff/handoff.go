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

// Options are what a Handoff works with. Store, Cluster and Clock must be set.
type Options struct {
	Store   *storage.Store
	Cluster Cluster
	Clock   clock.Clock
	Rand    func() uint64
	Logger  *slog.Logger

	// InFlight is how many hints are on their way at once; 0 is 32: enough for the
	// receiver to sync many at a time, few beside its clients' requests.
	InFlight int
	// Pressure is from how many hints on one may end although its targets are still
	// away; 0 is 1,000,000, about a gibibyte of small objects.
	Pressure int64
}

// The pace of delivery.
const (
	passEvery     = 2 * time.Second // between passes when nothing kicks one off
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
	for h.life.Err() == nil {
		if h.o.Store.HintStats().Count > 0 && h.o.Cluster.Document() != nil {
			h.pass()
		}
		h.wait()
	}
}

// wait ends with a kick, after passEvery, or when delivery ends.
func (h *Handoff) wait() {
	tick := make(chan struct{})
	timer := h.o.Clock.AfterFunc(passEvery, func() { close(tick) })
	defer timer.Stop()
	select {
	case <-h.kick:
	case <-tick:
	case <-h.life.Done():
	}
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
		recipients := h.recipients(record)
		if len(recipients) == 0 {
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

// recipients are the primaries that should get a hint now: its targets first, and,
// while a target stays away, the others, so that the copy is not this node's alone.
func (h *Handoff) recipients(record storage.HintRecord) []ring.NodeID {
	primaries := h.primaries(record.Key)
	var recipients []ring.NodeID
	away := false
	for _, id := range targetsOf(record.Hint, primaries) {
		switch {
		case id == h.o.Store.NodeID() || slices.Contains(record.Hint.Noted, id):
		case h.o.Cluster.Up(id):
			recipients = append(recipients, id)
		default:
			away = true
		}
	}
	if !away || record.Hint.Object == nil {
		return recipients
	}
	for _, id := range primaries {
		if id != h.o.Store.NodeID() && h.o.Cluster.Up(id) && !slices.Contains(record.Hint.Noted, id) && !slices.Contains(recipients, id) {
			recipients = append(recipients, id)
		}
	}
	return recipients
}

func (h *Handoff) primaries(key storage.Key) []ring.NodeID {
	doc := h.o.Cluster.Document()
	return doc.Entry(key.Position().Partition(doc.Partitions)).Serving
}

// targetsOf resolves a hint's targets at delivery: one that is no replica any more
// means every present primary.
func targetsOf(hint *storage.Hint, primaries []ring.NodeID) []ring.NodeID {
	for _, id := range hint.Targets {
		if !slices.Contains(primaries, id) {
			return primaries
		}
	}
	return hint.Targets
}

// offer sends one hint to its recipients and notes who holds it.
func (h *Handoff) offer(record storage.HintRecord, recipients []ring.NodeID) {
	ctx, cancel := clock.WithTimeout(h.life, h.o.Clock, deliverWithin)
	defer cancel()
	object := record.Hint.Object
	if object == nil {
		var err error
		if object, err = h.o.Store.Read(ctx, record.Key); err != nil {
			h.fault("object behind a marker cannot be read", err)
			return
		}
	}
	var holders []ring.NodeID
	for _, id := range recipients {
		if object != nil {
			if err := h.o.Cluster.Deliver(ctx, id, record.Key.Bucket, record.Key.Key, object); err != nil {
				h.failed.Add(1)
				continue
			}
			h.delivered.Add(1)
		}
		holders = append(holders, id)
	}
	if len(holders) == 0 {
		return
	}
	if err := h.note(ctx, record, holders); err != nil {
		h.fault("hint cannot be noted", err)
	}
}

// note enters who holds a hint's content, and ends it when that is enough. It is
// not waited for: a note that a crash undoes costs one more delivery.
func (h *Handoff) note(ctx context.Context, record storage.HintRecord, holders []ring.NodeID) error {
	ended := false
	_, err := h.o.Store.Write(ctx, record.Key, storage.KindHint, func(tx *storage.Tx) error {
		ended = false
		held := tx.Hint()
		if held == nil || held.Mark != record.Hint.Mark {
			return nil // ended, or joined into since: what was delivered is not all of it
		}
		next := *held
		next.Noted = slices.Clone(held.Noted)
		for _, id := range holders {
			if !slices.Contains(next.Noted, id) {
				next.Noted = append(next.Noted, id)
			}
		}
		if h.enough(&next, tx.Partition().Entry.Serving) {
			ended = true
			tx.SetHint(nil)
			return nil
		}
		tx.SetHint(&next)
		return nil
	})
	if ended && err == nil {
		h.ended.Add(1)
	}
	return err
}

// enough is the rule for when a hint ends.
func (h *Handoff) enough(hint *storage.Hint, primaries []ring.NodeID) bool {
	holds := func(id ring.NodeID) bool {
		return slices.Contains(hint.Noted, id) || (id == h.o.Store.NodeID() && hint.Object == nil)
	}
	targets := targetsOf(hint, primaries)
	if !slices.ContainsFunc(targets, func(id ring.NodeID) bool { return !holds(id) }) {
		return true
	}
	if h.o.Store.HintStats().Count <= h.o.Pressure {
		return false
	}
	others := 0
	for _, id := range primaries {
		if slices.Contains(targets, id) {
			continue
		}
		if !holds(id) {
			return false
		}
		others++
	}
	return others > 0 && others >= hint.W
}

func (h *Handoff) fault(what string, err error) {
	h.failed.Add(1)
	if errors.Is(err, storage.ErrClosed) || h.life.Err() != nil {
		return
	}
	h.o.Logger.Warn("hint not delivered", slog.String("what", what), slog.String("error", err.Error()))
}
