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
	Ask(ctx context.Context, to ring.NodeID, p ring.Partition, body []byte) ([]byte, error)
	// Propose has the voters decide an edit; one that returns nil changes nothing.
	Propose(ctx context.Context, edit func(*ring.Document) (*ring.Document, error)) error
}

// Budget is what the bytes of transfers, in and out, are taken from: who moves some
// waits, so that nothing is held in memory meanwhile, and pays what they were.
type Budget interface {
	Wait(ctx context.Context) error
	Pay(n int)
}

// Options are what a Transfer works with. All must be set.
type Options struct {
	Store   *storage.Store
	Cluster Cluster
	Budget  Budget
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
	kick       chan struct{}
	kickDriver chan struct{}
	bytesIn    meter
	bytesOut   meter
	complaints seldom
	pieces     atomic.Int64
	resumed    atomic.Int64
	badSums    atomic.Int64
	pushed     atomic.Int64
	failed     atomic.Int64

	mu        sync.Mutex // guards what follows
	copies    map[ring.Partition]*copied
	drops     map[ring.Partition]uint64 // the entry's Changed when the range was empty on disk
	total     Stats                     // Copied and Dropped
	working   int                       // jobs under way
	last      string                    // the last error
	lastAt    time.Time
	undecided string
	mark      mark
	silent    map[ring.NodeID]time.Time // since when a node gives no report

	life context.Context
	end  context.CancelFunc
	done sync.WaitGroup
}

// New starts the work.
func New(o Options) *Transfer {
	t := &Transfer{
		o: o, self: o.Store.NodeID(), kick: make(chan struct{}, 1), kickDriver: make(chan struct{}, 1),
		copies: map[ring.Partition]*copied{}, drops: map[ring.Partition]uint64{}, silent: map[ring.NodeID]time.Time{},
	}
	t.bytesIn.clock, t.bytesOut.clock = o.Clock, o.Clock
	t.complaints.clock, t.complaints.log = o.Clock, o.Logger
	t.life, t.end = context.WithCancel(context.Background())
	t.done.Go(func() { t.work(newBench()) })
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

// tick fires once after a while, or, if not short, never.
func (t *Transfer) tick(short bool) (fired <-chan struct{}, stop func()) {
	if !short {
		return nil, func() {}
	}
	tick := make(chan struct{})
	timer := t.o.Clock.AfterFunc(pace, func() { close(tick) })
	return tick, func() { timer.Stop() }
}

// ask asks one node, and counts what goes back and forth.
func (t *Transfer) ask(to ring.NodeID, head ask, rows []row) (answer, []row, error) {
	return t.askWithin(t.life, to, head, rows)
}

// askWithin is ask for somebody who waits.
func (t *Transfer) askWithin(ctx context.Context, to ring.NodeID, head ask, rows []row) (answer, []row, error) {
	var got answer
	body, err := encode(head, rows)
	if err != nil {
		return got, nil, err
	}
	ctx, cancel := clock.WithTimeout(ctx, t.o.Clock, askWithin)
	defer cancel()
	raw, err := t.o.Cluster.Ask(ctx, to, head.Partition, body)
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
	return doc.Discarded(bucket, o.Generation)
}
