package load

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"
	"time"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/cmd/henge/internal/records"
	"github.com/hengedb/henge/replication/request"
)

// Putter stores one value; a bucket of the client or of an embedded node.
type Putter interface {
	Put(ctx context.Context, key string, value []byte, o request.WriteOptions) (request.Receipt, error)
}

// Options are the knobs of an import.
type Options struct {
	Lanes    int                  // how many puts are in flight at once
	Patience time.Duration        // how long one record is tried again; 0 is not at all
	Write    request.WriteOptions // for every put; content type and metadata are the record's, and the expiry of one that has one
	Run      string               // begins the operation ids of this run; must be new for each
	Ledger   *Ledger              // notes what was acknowledged; nil: nobody reads it back
	Failed   func(Failure)        // called for each record that was not stored, one call at a time
}

// Failure is one record that was not stored.
type Failure struct {
	Line int
	Key  string // empty when the record could not be decoded
	Raw  []byte // a line that stands for the record; nil when there is none
	Err  error
}

// laneRoom is how many records may wait in a lane: enough that a slow put delays
// its own lane and not the reader at once, few enough to bound the memory.
const laneRoom = 4

// pause between tries of a record grows from first to last, so that a cluster
// that is coming back is neither flooded nor left waiting.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

// importer is one run.
type importer struct {
	o     Options
	to    Putter
	tally *Tally
	mu    sync.Mutex // serialises Options.Failed
}

// Import stores what dec gives until its end, until it fails, or until ctx ends:
// then no further record is begun, those in flight are waited for, and the error
// is ctx's cause. What single records met is counted in tally and told to
// Options.Failed.
func Import(ctx context.Context, dec records.Decoder, to Putter, tally *Tally, o Options) error {
	im := &importer{o: o, to: to, tally: tally}
	if im.o.Failed == nil {
		im.o.Failed = func(Failure) {}
	}
	lanes := make([]chan records.Record, max(1, o.Lanes))
	var wg sync.WaitGroup
	for i := range lanes {
		lanes[i] = make(chan records.Record, laneRoom)
		wg.Go(func() { im.lane(ctx, lanes[i]) })
	}
	err := im.deal(ctx, dec, lanes)
	for _, lane := range lanes {
		close(lane)
	}
	wg.Wait()
	return err
}

// deal reads records and hands each to its key's lane.
func (im *importer) deal(ctx context.Context, dec records.Decoder, lanes []chan records.Record) error {
	seed := maphash.MakeSeed()
	for ctx.Err() == nil {
		record, err := dec.Next()
		var bad *records.BadRecord
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &bad):
			im.tally.records.Add(1)
			im.tally.bad.Add(1)
			im.report(Failure{Line: bad.Line, Raw: bad.Raw, Err: bad.Reason})
			continue
		case err != nil:
			return err
		}
		im.tally.records.Add(1)
		select {
		case lanes[maphash.String(seed, record.Key)%uint64(len(lanes))] <- record:
		case <-ctx.Done():
			im.fail(record, context.Cause(ctx))
		}
	}
	return context.Cause(ctx)
}

// lane stores the records of its keys, one after the other. After ctx's end it
// fails what it still holds.
func (im *importer) lane(ctx context.Context, in <-chan records.Record) {
	for record := range in {
		if ctx.Err() != nil {
			im.fail(record, context.Cause(ctx))
			continue
		}
		im.store(ctx, record)
	}
}

// store puts one record. A put that has begun is not cut off by ctx's end: its
// own timeout bounds it, and its answer is worth having.
func (im *importer) store(ctx context.Context, record records.Record) {
	o := im.o.Write
	o.ContentType, o.Meta = record.ContentType, record.Meta
	if !record.Expires.IsZero() {
		o.TTL, o.ExpiresAt = 0, record.Expires
		if !record.Expires.After(time.Now()) {
			im.tally.expired.Add(1)
			return
		}
	}
	o.OpID = fmt.Sprintf("%s-%d", im.o.Run, record.Line)
	begun, pause := time.Now(), firstPause
	for try := 0; ; try++ {
		_, err := im.to.Put(context.WithoutCancel(ctx), record.Key, record.Value, o)
		switch {
		case err == nil:
			im.tally.acked.Add(1)
			im.o.Ledger.acked(record.Key, record.Value)
			return
		case !exit.Of(err).Passing(), time.Since(begun)+pause > im.o.Patience, !im.rest(ctx, pause):
			im.o.Ledger.doubtful(record.Key, record.Value, err)
			im.fail(record, err)
			return
		}
		im.tally.retried.Add(1)
		pause = min(2*pause, lastPause)
	}
}

// rest waits before the next try; false means that the run is over.
func (im *importer) rest(ctx context.Context, pause time.Duration) bool {
	im.tally.waiting.Add(1)
	defer im.tally.waiting.Add(-1)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fail counts and reports a good record that was not stored.
func (im *importer) fail(record records.Record, err error) {
	im.tally.failed.Add(1)
	im.report(Failure{Line: record.Line, Key: record.Key, Raw: record.Raw, Err: err})
}

func (im *importer) report(f Failure) {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.o.Failed(f)
}
