package transfer

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

// Cluster is what transfers need of the node around them.
type Cluster interface {
	// Document is the cluster document held now; nil while there is none.
	Document() *ring.Document
	// Settled waits until the store goes by the document held.
	Settled(ctx context.Context) error
	// Up reports whether a node is believed to answer.
	Up(ring.NodeID) bool
	// Deliver joins an object into a node's copy; nil once it holds it on disk.
	Deliver(ctx context.Context, to ring.NodeID, bucket, key string, object *causal.Object) error
	// Ask has another node's Handle answer, once that node holds this one's document
	// or a newer one.
	Ask(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error)
	// Propose has the voters decide an edit; one that returns nil changes nothing.
	Propose(ctx context.Context, edit func(*ring.Document) (*ring.Document, error)) error
}

// Options are what a Transfer works with. All must be set.
type Options struct {
	Store   *storage.Store
	Cluster Cluster
	Clock   clock.Clock
	Logger  *slog.Logger
}

// The pace of transfers.
const (
	pace         = 250 * time.Millisecond // between looks for work, while there is any
	askWithin    = 30 * time.Second       // a throttled peer may take its time
	atOnce       = 4                      // partitions
	reportWithin = 2 * time.Second        // of a node that is believed to answer
	saveEvery    = 16                     // pieces between saved cursors: 4 MiB to do again at most
	defaultRate  = 64                     // MiB a second
)

// Stats tell what was done since the start.
type Stats struct {
	BytesIn, BytesOut int64
	Pieces            int64 // taken in
	Resumed           int64 // copies that went on from a saved place
	BadChecksums      int64 // pieces asked for again
	Copied            int64 // partitions, compared with every replica there was
	Pushed            int64 // objects that an owner lacked
	Dropped           int64 // ranges
	Failed            int64 // jobs that were given up for now
}

// Transfer is one node's part in layout changes. Close ends it.
type Transfer struct {
	o          Options
	self       ring.NodeID
	in, out    *throttle
	kick       chan struct{}
	kickDriver chan struct{}
	bytesIn    atomic.Int64
	bytesOut   atomic.Int64
	pieces     atomic.Int64
	resumed    atomic.Int64
	badSums    atomic.Int64
	pushed     atomic.Int64
	failed     atomic.Int64

	mu        sync.Mutex // guards what follows
	copies    map[ring.Partition]*copied
	drops     map[ring.Partition]uint64 // the entry's Changed when the range was empty on disk
	total     Stats                     // Copied and Dropped
	working   int
	last      string // the last error
	undecided string

	life context.Context
	end  context.CancelFunc
	done sync.WaitGroup
}

// New starts the work.
func New(o Options) *Transfer {
	t := &Transfer{
		o: o, self: o.Store.NodeID(), kick: make(chan struct{}, 1), kickDriver: make(chan struct{}, 1),
		copies: map[ring.Partition]*copied{}, drops: map[ring.Partition]uint64{},
	}
	t.in = &throttle{clock: o.Clock, rate: t.rate}
	t.out = &throttle{clock: o.Clock, rate: t.rate}
	t.life, t.end = context.WithCancel(context.Background())
	t.done.Go(t.run)
	t.done.Go(t.drive)
	return t
}

// Kick has it look for work now: there is a new document.
func (t *Transfer) Kick() {
	for _, kick := range []chan struct{}{t.kick, t.kickDriver} {
		select {
		case kick <- struct{}{}:
		default:
		}
	}
}

// Close ends the work under way and waits for it.
func (t *Transfer) Close() {
	t.end()
	t.done.Wait()
}

// Stats tells what was done so far.
func (t *Transfer) Stats() Stats {
	t.mu.Lock()
	s := t.total
	t.mu.Unlock()
	s.BytesIn, s.BytesOut, s.Pieces, s.Resumed = t.bytesIn.Load(), t.bytesOut.Load(), t.pieces.Load(), t.resumed.Load()
	s.BadChecksums, s.Pushed, s.Failed = t.badSums.Load(), t.pushed.Load(), t.failed.Load()
	return s
}

// LastError is why the last job was given up; empty when none was.
func (t *Transfer) LastError() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// rate is the throttle in bytes a second.
func (t *Transfer) rate() float64 {
	rate := 0
	if d := t.o.Cluster.Document(); d != nil {
		rate = d.Settings.TransferMiBps
	}
	if rate <= 0 {
		rate = defaultRate
	}
	return float64(rate) * (1 << 20)
}

// run looks for work. Without any it sleeps until the next document.
func (t *Transfer) run() {
	for t.life.Err() == nil {
		jobs, waiting := t.jobs()
		t.work(jobs)
		t.pause(t.kick, len(jobs) > 0 || waiting)
	}
}

// pause ends with a kick, and after a while if it is not for long.
func (t *Transfer) pause(kick <-chan struct{}, short bool) {
	var tick chan struct{}
	if short {
		tick = make(chan struct{})
		timer := t.o.Clock.AfterFunc(pace, func() { close(tick) })
		defer timer.Stop()
	}
	select {
	case <-kick:
	case <-tick:
	case <-t.life.Done():
	}
}

// job is one partition's.
type job struct {
	partition ring.Partition
	changed   uint64
	push      bool
}

// jobs lists what this node has to do by the document it holds; waiting says that
// there may be more without another document.
func (t *Transfer) jobs() (jobs []job, waiting bool) {
	doc := t.o.Cluster.Document()
	if doc == nil {
		return nil, false // the first one kicks
	}
	if doc.Change != nil && doc.Change.Paused {
		return nil, false
	}
	left, _, err := t.o.Store.Leftovers(t.life, leftoversMost)
	if errors.Is(err, storage.ErrNoDocument) {
		return nil, false // it is installed next, and kicks
	}
	if err != nil {
		if t.life.Err() == nil {
			t.fault(job{}, err)
		}
		return nil, !errors.Is(err, storage.ErrClosed)
	}
	for i, entry := range doc.Layout {
		p := ring.Partition(i) //nolint:gosec // there are few
		switch {
		case entry.Phase == ring.PhaseCopy && slices.Contains(Copiers(entry), t.self):
			waiting = true // an old replica may come up, and is compared with then
			if !t.compared(p, entry) {
				jobs = append(jobs, job{p, entry.Changed, false})
			}
		case entry.Takes(t.self):
		case slices.Contains(left, p), slices.Contains(entry.Former, t.self) && !t.hasDropped(p, entry.Changed):
			jobs = append(jobs, job{p, entry.Changed, true})
		}
	}
	return jobs, waiting
}

// work does jobs, a few at a time.
func (t *Transfer) work(jobs []job) {
	slots := make(chan struct{}, atOnce)
	var flying sync.WaitGroup
	defer flying.Wait()
	for _, j := range jobs {
		select {
		case slots <- struct{}{}:
		case <-t.life.Done():
			return
		}
		flying.Go(func() {
			defer func() { <-slots }()
			t.count(1)
			defer t.count(-1)
			do := t.copyPartition
			if j.push {
				do = t.pushPartition
			}
			if err := do(j); err != nil && !errors.Is(err, errMoved) && t.life.Err() == nil {
				t.fault(j, err)
			}
		})
	}
}

func (t *Transfer) count(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.working += n
}

func (t *Transfer) fault(j job, err error) {
	t.failed.Add(1)
	t.mu.Lock()
	t.last = err.Error()
	t.mu.Unlock()
	t.o.Logger.Warn("transfer waits", slog.Int("partition", int(j.partition)), slog.String("error", err.Error()))
}

// errMoved ends a job that the layout has no use for any more.
var errMoved = errors.New("the partition's entry has changed")

// entry is the job's, as long as it is the same.
func (t *Transfer) entry(j job) (*ring.Document, ring.Entry, error) {
	doc := t.o.Cluster.Document()
	e := doc.Entry(j.partition)
	if e.Changed != j.changed || doc.Change != nil && doc.Change.Paused {
		return nil, ring.Entry{}, errMoved
	}
	return doc, e, t.life.Err()
}

// ask asks one node, and counts what goes back and forth.
func (t *Transfer) ask(to ring.NodeID, head ask, rows []row) (answer, []row, error) {
	var got answer
	body, err := encode(head, rows)
	if err != nil {
		return got, nil, err
	}
	ctx, cancel := clock.WithTimeout(t.life, t.o.Clock, askWithin)
	defer cancel()
	raw, err := t.o.Cluster.Ask(ctx, to, body)
	if err != nil {
		return got, nil, err
	}
	back, err := decode(raw, &got)
	if errors.Is(err, errChecksum) {
		t.badSums.Add(1)
	}
	return got, back, err
}

// Copiers are the nodes of Next that copy before it serves: the newcomers, and all
// where so many go at once that a majority of those who stay may have missed a write.
func Copiers(e ring.Entry) []ring.NodeID {
	if len(e.Serving)-len(e.Next) > 1 {
		return e.Next
	}
	return slices.DeleteFunc(slices.Clone(e.Next), func(id ring.NodeID) bool { return slices.Contains(e.Serving, id) })
}

// dropped reports whether an object is of a bucket that doc no longer has: nothing is
// kept of those. What the losing side of a force made is never discarded: its partition
// stays where it is.
func dropped(doc *ring.Document, bucket string, o *causal.Object) bool {
	if doc.Forced != nil && o.Generation > doc.Forced.From.Version {
		return false
	}
	listed, ok := doc.Bucket(bucket)
	return o.Generation <= doc.Version && (!ok || listed.Generation != o.Generation)
}
