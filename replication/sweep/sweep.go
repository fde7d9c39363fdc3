package sweep

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/clock"
)

// Cluster is what a sweep needs of the node around it.
type Cluster interface {
	// Document is the cluster document held now; nil while there is none.
	Document() *ring.Document
	// Settled waits until the store goes by the document held.
	Settled(ctx context.Context) error
}

// Options are what a Sweep works with. All must be set.
type Options struct {
	Store   *storage.Store
	Cluster Cluster
	Clock   clock.Clock
	Logger  *slog.Logger
}

// The pace of a sweep: after so many keys looked at, or removed, it rests. That is at
// most some 100,000 keys a second read and 10,000 removed, of which a store takes many
// times as many.
const (
	restLooked  = 512
	restRemoved = 64
	rest        = 5 * time.Millisecond
	// retry is after what a pass that failed is begun anew.
	retry = 10 * time.Second
)

// Sweep removes what one store has of dropped buckets. Close ends it.
type Sweep struct {
	o    Options
	kick chan struct{}

	objects atomic.Int64
	hints   atomic.Int64
	running atomic.Bool
	at      atomic.Uint64 // position of the object looked at last
	debt    int           // looked at and removed since the last rest, of the one goroutine

	life context.Context
	end  context.CancelFunc
	done sync.WaitGroup
}

// Stats tell what was removed since the start, and how far a sweep is.
type Stats struct {
	Objects int64
	Hints   int64
	Running bool
	Part    float64 // of the ring, that the present sweep has looked at
}

// New starts to wait for drops.
func New(o Options) *Sweep {
	s := &Sweep{o: o, kick: make(chan struct{}, 1)}
	s.life, s.end = context.WithCancel(context.Background())
	s.done.Go(s.run)
	return s
}

// Kick says that the document may have dropped a bucket.
func (s *Sweep) Kick() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// Close ends the sweep and waits for it.
func (s *Sweep) Close() {
	s.end()
	s.done.Wait()
}

// Stats tells what was done so far.
func (s *Sweep) Stats() Stats {
	stats := Stats{Objects: s.objects.Load(), Hints: s.hints.Load(), Running: s.running.Load()}
	if stats.Running {
		stats.Part = float64(s.at.Load()) / (1 << 64)
	}
	return stats
}

func (s *Sweep) run() {
	for {
		select {
		case <-s.kick:
		case <-s.life.Done():
			return
		}
		if err := s.pass(); err != nil && s.life.Err() == nil && !errors.Is(err, storage.ErrClosed) {
			s.o.Logger.Warn("what is left of dropped buckets cannot be removed yet", slog.String("error", err.Error()))
			if clock.Sleep(s.life, s.o.Clock, retry) == nil {
				s.Kick()
			}
		}
	}
}

// metaSwept is the version of the last drop that was swept for.
const metaSwept = "swept"

// pass removes all that the document held has dropped, unless that was done.
func (s *Sweep) pass() error {
	doc := s.o.Cluster.Document()
	if doc == nil || doc.Dropped == 0 {
		return nil
	}
	raw, err := s.o.Store.Meta(metaSwept)
	if err != nil || len(raw) == 8 && binary.BigEndian.Uint64(raw) >= doc.Dropped {
		return err
	}
	if err := s.o.Cluster.Settled(s.life); err != nil {
		return err
	}
	s.at.Store(0)
	s.running.Store(true)
	defer s.running.Store(false)
	before := s.Stats()
	if err := s.sweepHints(doc); err != nil {
		return err
	}
	if err := s.sweepObjects(doc); err != nil {
		return err
	}
	s.o.Logger.Info("what was left of dropped buckets is removed", slog.Uint64("document", doc.Dropped),
		slog.Int64("objects", s.objects.Load()-before.Objects), slog.Int64("hints", s.hints.Load()-before.Hints))
	return s.o.Store.SaveMeta(s.life, metaSwept, binary.BigEndian.AppendUint64(nil, doc.Dropped))
}

// sweepHints lets go of the hints, and of what a replica owes for such objects. A marker
// stands for the object beside it: both go in one write.
func (s *Sweep) sweepHints(doc *ring.Document) error {
	for r, err := range s.o.Store.Hints(s.life, nil) {
		if err != nil {
			return err
		}
		kept := r.Hint.Object
		if kept == nil {
			if kept, err = s.o.Store.Read(s.life, r.Key); err != nil {
				return err
			}
		}
		gone := kept != nil && doc.Discarded(r.Key.Bucket, kept.Generation)
		if gone {
			if err := s.remove(r.Key, true); err != nil {
				return err
			}
		}
		if err := s.pace(gone); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sweep) sweepObjects(doc *ring.Document) error {
	for r, err := range s.o.Store.Scan(s.life, storage.ScanFrom{}, ^ring.Position(0)) {
		if err != nil {
			return err
		}
		s.at.Store(uint64(r.Position))
		gone := doc.Discarded(r.Key.Bucket, r.Object.Generation)
		if gone {
			if err := s.remove(r.Key, false); err != nil {
				return err
			}
		}
		if err := s.pace(gone); err != nil {
			return err
		}
	}
	return nil
}

// remove takes away, under the key's lock, what is still of a dropped bucket.
func (s *Sweep) remove(key storage.Key, hint bool) error {
	var objects, hints int64
	_, err := s.o.Store.Write(s.life, key, storage.KindRepair, func(tx *storage.Tx) error {
		objects, hints = 0, 0
		doc := s.o.Cluster.Document()
		if o := tx.Object(); o != nil && doc.Discarded(key.Bucket, o.Generation) {
			tx.Discard()
			objects++
		}
		if !hint {
			return nil
		}
		h := tx.Hint()
		if h == nil {
			return nil
		}
		if h.Object == nil && tx.Object() == nil || h.Object != nil && doc.Discarded(key.Bucket, h.Object.Generation) {
			tx.SetHint(nil)
			hints++
		}
		return nil
	})
	if err == nil {
		s.objects.Add(objects)
		s.hints.Add(hints)
	}
	return err
}

// pace rests when enough was done.
func (s *Sweep) pace(removed bool) error {
	s.debt++
	if removed {
		s.debt += restLooked/restRemoved - 1
	}
	if s.debt < restLooked {
		return nil
	}
	s.debt = 0
	return clock.Sleep(s.life, s.o.Clock, rest)
}
