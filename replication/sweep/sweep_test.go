package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// world is a store and the document that its node holds.
type world struct {
	t         *testing.T
	store     *storage.Store
	doc       atomic.Pointer[ring.Document]
	unsettled atomic.Bool
}

var _ Cluster = (*world)(nil)

func (w *world) Document() *ring.Document { return w.doc.Load() }

var errUnsettled = errors.New("not yet")

func (w *world) Settled(context.Context) error {
	if w.unsettled.Load() {
		return errUnsettled
	}
	return nil
}

// newWorld opens a store whose document has a bucket carts, of generation 2.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	if w.store, err = storage.Open("store", storage.Options{FS: vfs.NewMem()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	d, err := ring.First(ring.FirstOptions{
		Cluster: strings.Repeat("a", 32), Secret: make([]byte, 32), Partitions: 8, Replicas: 1,
		Members: []ring.Member{{ID: w.store.NodeID(), Name: "n", Weight: 100, RPC: "r:1"}},
	})
	w.hold(d, err)
	w.edit(func(d *ring.Document) (*ring.Document, error) {
		return d.WithBucket(ring.Bucket{Name: "carts", Policy: ring.PolicySiblings})
	})
	return w
}

func (w *world) edit(f func(*ring.Document) (*ring.Document, error)) {
	w.t.Helper()
	w.hold(f(w.doc.Load()))
}

func (w *world) drop() {
	w.t.Helper()
	w.edit(func(d *ring.Document) (*ring.Document, error) { return d.WithoutBucket("carts") })
}

func (w *world) hold(d *ring.Document, err error) {
	w.t.Helper()
	if err == nil {
		err = w.store.Install(d)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.doc.Store(d)
}

func (w *world) sweep() *Sweep {
	s := New(Options{Store: w.store, Cluster: w, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)})
	w.t.Cleanup(s.Close)
	return s
}

// put stores n keys of a bucket's generation, and a hint for as many.
func (w *world) put(bucket string, generation uint64, n int) {
	w.t.Helper()
	for i := range n {
		key := storage.Key{Bucket: bucket, Key: fmt.Sprint(i)}
		_, err := w.store.Write(w.t.Context(), key, storage.KindJoin, func(tx *storage.Tx) error {
			o := (*causal.Object)(nil).Put(causal.Write{
				Dot: causal.Dot{Actor: 1, Counter: generation}, Stamp: 1, Policy: causal.Siblings, Generation: generation,
			})
			tx.SetObject(o)
			tx.SetHint(&storage.Hint{Targets: []ring.NodeID{7}, Object: o})
			if i%2 == 0 {
				tx.SetHint(&storage.Hint{Targets: []ring.NodeID{7}}) // a marker
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// left counts what is stored.
func (w *world) left() (objects, hints int) {
	w.t.Helper()
	for _, err := range w.store.Scan(w.t.Context(), storage.ScanFrom{}, ^ring.Position(0)) {
		if err != nil {
			w.t.Fatal(err)
		}
		objects++
	}
	return objects, int(w.store.HintStats().Count)
}

func (w *world) wantLeft(when string, want int) {
	w.t.Helper()
	if objects, hints := w.left(); objects != want || hints != want {
		w.t.Errorf("%s %d objects and %d hints are left, want %d of each", when, objects, hints, want)
	}
}

func TestWhatIsDroppedIsRemovedAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.sweep()
		w.put("default", 1, 100)
		w.put("carts", 2, 1000)
		s.Kick()
		time.Sleep(time.Minute)
		w.wantLeft("without a drop", 1100)
		w.drop()
		s.Kick()
		synctest.Wait()
		if stats := s.Stats(); !stats.Running || stats.Objects == 1000 {
			t.Errorf("it removes everything at once: %+v", stats)
		}
		time.Sleep(time.Minute)
		w.wantLeft("after the drop", 100)
		if stats := s.Stats(); stats != (Stats{Objects: 1000, Hints: 1000}) {
			t.Errorf("counted %+v", stats)
		}
		w.edit(func(d *ring.Document) (*ring.Document, error) {
			return d.WithBucket(ring.Bucket{Name: "carts", Policy: ring.PolicySiblings})
		})
		w.put("carts", w.doc.Load().Version, 10)
		s.Kick()
		time.Sleep(time.Minute)
		w.wantLeft("of the bucket made anew", 110)
	})
}

// A sweep that was cut short is done by the next start, and one that was not is not.
func TestASweepThatWasCutShortIsDoneByTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("carts", 2, 1000)
		w.drop()
		s := w.sweep()
		s.Kick()
		synctest.Wait()
		s.Close()
		if objects, _ := w.left(); objects == 0 {
			t.Fatal("it was not cut short")
		}
		s = w.sweep()
		s.Kick()
		time.Sleep(time.Minute)
		w.wantLeft("after the next start", 0)
		w.put("carts", 2, 1) // nobody puts it there: it is only to see who sweeps
		s.Kick()
		next := w.sweep()
		next.Kick()
		time.Sleep(time.Minute)
		w.wantLeft("of what was swept", 1)
	})
}

// Until the store goes by the document, something may come in behind a sweep: it waits.
func TestASweepWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.put("carts", 2, 10)
		w.drop()
		w.unsettled.Store(true)
		s := w.sweep()
		s.Kick()
		time.Sleep(time.Second)
		w.wantLeft("while the store goes by the older document", 10)
		w.unsettled.Store(false)
		time.Sleep(time.Minute)
		w.wantLeft("then", 0)
	})
}
