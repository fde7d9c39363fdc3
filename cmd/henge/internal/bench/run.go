package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/replication/request"
)

// The histograms keep three digits from a microsecond to two minutes, which is
// above the longest request there can be.
const (
	lowest  = int64(time.Microsecond)
	highest = int64(2 * time.Minute)
	digits  = 3
)

// The verbs that are measured.
const (
	put = "put"
	get = "get"
)

// tally is what one client saw of one verb.
type tally struct {
	times  *hdrhistogram.Histogram
	errors map[string]int64 // by one word
}

func newTally() *tally {
	return &tally{times: hdrhistogram.New(lowest, highest, digits), errors: map[string]int64{}}
}

// note counts one answer. The time of a failure is not a time of service, so it
// goes into no histogram.
func (t *tally) note(elapsed time.Duration, err error) {
	if err != nil {
		t.errors[wordOf(err)]++
		return
	}
	if t.times.RecordValue(min(max(int64(elapsed), lowest), highest)) != nil {
		t.errors["unrecorded"]++
	}
}

// wordOf names the kind of a failure by what it left behind and its code.
func wordOf(err error) string {
	if code := exit.Of(err); code != exit.Failure {
		return code.Word()
	}
	return fmt.Sprintf("outcome_%s", request.OutcomeOf(err))
}

// Fill stores every key once, so that reads find something. It stops at the first
// key that cannot be stored, and says which.
func Fill(ctx context.Context, b Bucket, o Options) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for i := range o.Clients {
		wg.Go(func() {
			rng := o.rng(i, 0)
			for n := int(next.Add(1)) - 1; n < o.Keys && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
				if _, err := b.Put(ctx, keyOf(n), random(rng, o.Size), o.Write); err != nil {
					cancel(fmt.Errorf("fill %s: %w", keyOf(n), err))
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// Run makes the load until its duration or ctx ends, and returns what it measured.
func Run(ctx context.Context, b Bucket, o Options) Report {
	loop, cancel := context.WithTimeout(ctx, o.Duration)
	defer cancel()
	begun := time.Now()
	clients := make([]map[string]*tally, o.Clients)
	var wg sync.WaitGroup
	for i := range clients {
		clients[i] = map[string]*tally{put: newTally(), get: newTally()}
		wg.Go(func() {
			rng := o.rng(i, 1)
			for loop.Err() == nil {
				// A request that has begun is finished and counted: to cut off the
				// slowest ones at the end would flatter the percentiles.
				o.once(context.WithoutCancel(ctx), b, rng, clients[i])
			}
		})
	}
	wg.Wait()
	return report(o, time.Since(begun), clients)
}

// once sends one request.
func (o Options) once(ctx context.Context, b Bucket, rng *rand.Rand, into map[string]*tally) {
	key := keyOf(rng.IntN(o.Keys))
	if o.Mix == Gets || o.Mix == Mixed && rng.IntN(2) == 0 {
		begun := time.Now()
		_, err := b.Get(ctx, key, o.Read)
		into[get].note(time.Since(begun), err)
		return
	}
	value := random(rng, o.Size)
	begun := time.Now()
	_, err := b.Put(ctx, key, value, o.Write)
	into[put].note(time.Since(begun), err)
}

// rng is client i's own source in one phase, the same for the same seed.
func (o Options) rng(i, phase int) *rand.Rand {
	return rand.New(rand.NewPCG(o.Seed, uint64(i)<<1|uint64(phase))) //nolint:gosec // load, not secrets
}

// random makes a value of n bytes.
func random(rng *rand.Rand, n int) []byte {
	value := make([]byte, n)
	for i := 0; i < n; i += 8 {
		for j, word := i, rng.Uint64(); j < min(i+8, n); j++ {
			value[j] = byte(word)
			word >>= 8
		}
	}
	return value
}
