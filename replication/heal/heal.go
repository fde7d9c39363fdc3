package heal

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/clock"
)

// Cluster is what healing needs of the node around it.
type Cluster interface {
	// Document is the cluster document held now; nil while there is none.
	Document() *ring.Document
	// Up reports whether a node is believed to answer.
	Up(ring.NodeID) bool
	// Ask has another node's Handle answer, once that node holds this one's document
	// or a newer one.
	Ask(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error)
}

// Pace holds back what nobody waits for. Who moves bytes calls Wait first, and then
// Pay with what it moved.
type Pace interface {
	// Wait returns nil once work may go on, or ctx's cause when ctx ends.
	Wait(ctx context.Context) error
	// Pay counts n bytes.
	Pay(n int)
}

// Options are what a Heal works with. All must be set.
type Options struct {
	Store   *storage.Store
	Cluster Cluster
	Clock   clock.Clock
	Logger  *slog.Logger
	Pace    Pace
	Healed  func() // something was rebuilt, and its hash trees are to be; must return soon
}

const (
	// retry is after what damage is looked at again that could not be rebuilt: soon enough
	// for one that was silent; when a node is back, that is a kick.
	retry = 10 * time.Second
	// askWithin bounds an ask: a paced peer may take its time.
	askWithin = 10 * time.Second
)

// Stats tell what was done since the start.
type Stats struct {
	Damages int   // known and not rebuilt
	Tables  int64 // rebuilt, with single values
	Spans   int64 // rebuilt
	Objects int64 // written anew
	Fetched int64 // of them: that could not be read here
	Lost    int64 // known by name, that nobody else had
	Failed  int64 // attempts; others are made
}

// Heal mends one store. Close ends it.
type Heal struct {
	o    Options
	self ring.NodeID
	kick chan struct{}

	tables, spans, objects, fetched, lost, failed atomic.Int64

	mu     sync.Mutex        // guards what follows
	stuck  map[string]string // by the damage's name: why it is not rebuilt
	healed string            // what was rebuilt last, in a sentence

	// located is what cannot be read of what was looked at before; run's alone.
	located map[place][]storage.Span

	life context.Context
	end  context.CancelFunc
	done sync.WaitGroup
}

// place is damage by its table and when it was found.
type place struct {
	table string
	found time.Time
}

// New starts to wait for damage.
func New(o Options) *Heal {
	h := &Heal{o: o, self: o.Store.NodeID(), kick: make(chan struct{}, 1), stuck: map[string]string{}, located: map[place][]storage.Span{}}
	h.life, h.end = context.WithCancel(context.Background())
	h.done.Go(h.run)
	return h
}

// Kick says that what could not be rebuilt before may be now: a node is back, or the
// layout has changed.
func (h *Heal) Kick() {
	select {
	case h.kick <- struct{}{}:
	default:
	}
}

// Close ends the work under way and waits for it.
func (h *Heal) Close() {
	h.end()
	h.done.Wait()
}

// Stats tells what was done so far.
func (h *Heal) Stats() Stats {
	return Stats{
		Damages: len(h.o.Store.Damages()), Tables: h.tables.Load(), Spans: h.spans.Load(), Objects: h.objects.Load(),
		Fetched: h.fetched.Load(), Lost: h.lost.Load(), Failed: h.failed.Load(),
	}
}

func (h *Heal) run() {
	for h.life.Err() == nil {
		left := h.pass()
		var tick <-chan struct{}
		stop := func() bool { return true }
		if left {
			tick, stop = h.after(retry)
		}
		select {
		case <-h.o.Store.DamageFound():
		case <-h.kick:
		case <-tick:
		case <-h.life.Done():
		}
		stop()
	}
}

// after is a channel that is closed once d has passed.
func (h *Heal) after(d time.Duration) (<-chan struct{}, func() bool) {
	tick := make(chan struct{})
	return tick, h.o.Clock.AfterFunc(d, func() { close(tick) }).Stop
}

// pass tries to mend all that is known to be damaged, and reports whether some is left.
func (h *Heal) pass() (left bool) {
	damages := h.o.Store.Damages()
	for _, d := range damages {
		err := h.mend(d)
		switch {
		case h.life.Err() != nil, errors.Is(err, storage.ErrClosed), errors.Is(err, storage.ErrFailed):
			return false
		case err == nil:
			h.o.Store.Mended(d)
			delete(h.located, place{d.Table, d.Found})
			h.note(d, "")
		default:
			left = true
			h.failed.Add(1)
			h.note(d, reason(err))
		}
	}
	h.forget(damages)
	return left
}

// mend rebuilds one damaged table, or one value.
func (h *Heal) mend(d storage.Damage) error {
	if h.o.Cluster.Document() == nil {
		return errNoDocument
	}
	spans, err := h.locate(d)
	if err != nil {
		return err
	}
	var sum storage.Rebuilt
	for _, sp := range spans {
		got, err := h.rebuild(sp)
		if err != nil {
			return err
		}
		h.spans.Add(1)
		h.objects.Add(int64(got.Objects))
		h.fetched.Add(int64(got.Fetched))
		h.lost.Add(int64(got.Unread))
		sum.Objects, sum.Fetched, sum.Unread = sum.Objects+got.Objects, sum.Fetched+got.Fetched, sum.Unread+got.Unread
	}
	if len(spans) > 0 {
		h.tables.Add(1)
		h.tell(d, sum)
		h.o.Healed()
	}
	return nil
}

// locate finds what cannot be read, once: a table is not read again for each attempt.
func (h *Heal) locate(d storage.Damage) ([]storage.Span, error) {
	at := place{d.Table, d.Found}
	if spans, ok := h.located[at]; ok {
		return spans, nil
	}
	spans, err := h.o.Store.Locate(h.life, d, h.paced)
	if err == nil {
		h.located[at] = spans
	}
	return spans, err
}

// paced is the pace of a look at a table, which reads a piece between two calls.
func (h *Heal) paced(ctx context.Context, read int) error {
	h.o.Pace.Pay(read)
	return h.o.Pace.Wait(ctx)
}

// rebuild rebuilds one span with what the others have of it.
func (h *Heal) rebuild(sp storage.Span) (storage.Rebuilt, error) {
	doc := h.o.Cluster.Document()
	others, err := h.gather(doc, sp)
	if err != nil {
		return storage.Rebuilt{}, err
	}
	return h.o.Store.Rebuild(h.life, sp, others, doc.Version)
}
