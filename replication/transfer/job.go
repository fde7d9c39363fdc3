package transfer

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// bench holds the jobs under way. It is its owner's alone but for ended.
type bench struct {
	running map[ring.Partition]bool
	rests   map[ring.Partition]time.Time // ended, and not begun again before
	ended   chan ring.Partition
	flying  sync.WaitGroup
}

func newBench() *bench {
	return &bench{
		running: map[ring.Partition]bool{}, rests: map[ring.Partition]time.Time{}, ended: make(chan ring.Partition, atOnce),
	}
}

// work does the jobs there are, a few at a time, those first that were not tried yet:
// whenever one ends there is room for the next. Without any it sleeps until the next document.
func (t *Transfer) work(at *bench) {
	defer at.flying.Wait()
	for t.life.Err() == nil {
		jobs, waiting := t.jobs()
		slices.SortStableFunc(jobs, func(a, b job) int { return at.rests[a.partition].Compare(at.rests[b.partition]) })
		for _, j := range jobs {
			if len(at.running) == atOnce {
				break
			}
			if !at.running[j.partition] && !t.o.Clock.Now().Before(at.rests[j.partition]) {
				at.running[j.partition] = true
				t.count(1)
				at.flying.Go(func() {
					t.do(j)
					at.ended <- j.partition
				})
			}
		}
		t.awaitJobs(at, len(jobs) > 0 || waiting)
	}
}

// awaitJobs returns when there may be something to begin: a job ended, the document is
// another, or, if short, after a while.
func (t *Transfer) awaitJobs(b *bench, short bool) {
	tick, stop := t.tick(short)
	defer stop()
	select {
	case p := <-b.ended:
		delete(b.running, p)
		b.rests[p] = t.o.Clock.Now().Add(pace)
	case <-t.kick:
		for p, until := range b.rests { // all may be tried again, in the order in which they ended
			if now := t.o.Clock.Now(); until.After(now) {
				b.rests[p] = now
			}
		}
	case <-tick:
	case <-t.life.Done():
	}
}

// do does one job.
func (t *Transfer) do(j job) {
	defer t.count(-1)
	do := t.copyPartition
	if j.push {
		do = t.pushPartition
	}
	if err := do(j); err != nil && !errors.Is(err, errMoved) && t.life.Err() == nil {
		t.fault(j, err)
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
	t.last, t.lastAt = err.Error(), t.o.Clock.Now()
	t.mu.Unlock()
	t.complaints.warn("transfer waits", err, slog.Int("partition", int(j.partition)))
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
	left, _, err := t.o.Store.Leftovers(t.life, 0)
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
		case t.o.Store.Epochs(p).Fenced:
			waiting = waiting || doc.Change != nil || !entry.Takes(t.self)
		case entry.Phase == ring.PhaseCopy && slices.Contains(Copiers(entry), t.self):
			waiting = true // an old replica may come up, and is compared with then
			if !t.compared(doc, p) {
				jobs = append(jobs, job{p, entry.Changed, false})
			}
		case entry.Takes(t.self):
		case slices.Contains(left, p), slices.Contains(entry.Former, t.self) && !t.hasDropped(p, entry.Changed):
			jobs = append(jobs, job{p, entry.Changed, true})
		}
	}
	return jobs, waiting
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
