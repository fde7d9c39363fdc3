package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/replication/request"
)

// Getter reads one key.
type Getter interface {
	Get(ctx context.Context, key string, o request.ReadOptions) (request.Value, error)
}

// Reading says how acknowledged records are read back.
type Reading struct {
	Lanes    int
	Patience time.Duration // how long one read is tried again
	Read     request.ReadOptions
	Missing  func(key, why string) // called for each record that is not there, one call at a time
}

// Verified is what reading back found.
type Verified struct {
	Checked int64 `json:"checked"`
	Missing int64 `json:"missing"`
	Unread  int64 `json:"unread"` // no read of it succeeded, so nothing is known
}

// errOther says that a key holds something, and not what was acknowledged.
var errOther = errors.New("it holds another value")

// Verify reads every acknowledged key of the ledger, each through the next of
// nodes, so that every one of them is asked for its part of the keys.
func Verify(ctx context.Context, l *Ledger, nodes []Getter, r Reading) (Verified, error) {
	if r.Missing == nil {
		r.Missing = func(string, string) {}
	}
	var checked, missing, unread atomic.Int64
	var mu sync.Mutex
	keys := make(chan string)
	var wg sync.WaitGroup
	for lane := range max(1, r.Lanes) {
		wg.Go(func() {
			for turn := lane; ; turn++ {
				key, more := <-keys
				if !more {
					return
				}
				err := r.check(ctx, l, nodes, turn, key)
				checked.Add(1)
				switch {
				case err == nil:
					continue
				case errors.Is(err, errOther), errors.Is(err, request.ErrNotFound):
					missing.Add(1)
				default:
					unread.Add(1)
				}
				mu.Lock()
				r.Missing(key, err.Error())
				mu.Unlock()
			}
		})
	}
	err := feed(ctx, l, keys)
	wg.Wait()
	return Verified{Checked: checked.Load(), Missing: missing.Load(), Unread: unread.Load()}, err
}

// feed hands out the keys until ctx ends.
func feed(ctx context.Context, l *Ledger, keys chan<- string) error {
	defer close(keys)
	for key := range l.Keys() {
		select {
		case keys <- key:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// check reads one key until an answer comes or patience ends: from the node whose
// turn it is, and again from the next.
func (r Reading) check(ctx context.Context, l *Ledger, nodes []Getter, turn int, key string) error {
	begun, pause := time.Now(), firstPause
	for ; ; turn++ {
		value, err := nodes[turn%len(nodes)].Get(ctx, key, r.Read)
		switch {
		case err == nil && l.Holds(key, value):
			return nil
		case err == nil:
			return fmt.Errorf("%w (%d siblings)", errOther, len(value.Siblings))
		case !exit.OfRead(err).Passing(), time.Since(begun)+pause > r.Patience:
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		pause = min(2*pause, lastPause)
	}
}
