package skew

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// Cluster is what a Skew needs of the node around it.
type Cluster interface {
	// Document is the cluster document held now; nil while there is none.
	Document() *ring.Document
	// Up reports whether a node is believed to answer.
	Up(ring.NodeID) bool
	// TimeOf asks a node for its time, in Unix milliseconds.
	TimeOf(ctx context.Context, id ring.NodeID) (int64, error)
	// Time is this node's own: what it mints and hides by.
	Time() int64
}

// Options are what a Skew works with. All must be set.
type Options struct {
	Self    ring.NodeID
	Cluster Cluster
	Clock   clock.Clock
	Logger  *slog.Logger
}

const (
	// every is how often peers are asked. A clock that jumps is written by for so long.
	every = 5 * time.Second
	// fresh is how long an answer counts: a few rounds, that a lost one changes nothing.
	fresh = 4 * every
	// within bounds a question. Half of the round trip is what an answer may be wrong by,
	// which is little beside the bound.
	within = 2 * time.Second
	// most bounds how many are asked in one round; of more, others in each.
	most = 16
)

// DefaultBound is how far a clock may be off where the settings say nothing: far more than
// any that is kept by the network is, far less than people would notice late.
const DefaultBound = time.Minute

// Skew knows how far this node's clock is off. Close ends it.
type Skew struct {
	o    Options
	kick chan struct{}
	turn int           // of the members, who is asked next
	told []ring.NodeID // whose clocks the log has last said to be off

	mu    sync.Mutex // guards heard
	heard map[ring.NodeID]heard

	life context.Context
	end  context.CancelFunc
	done sync.WaitGroup
}

// heard is how far a peer's clock was ahead of this one, and when that was seen.
type heard struct {
	ahead time.Duration
	at    time.Time
}

// New begins to ask.
func New(o Options) *Skew {
	s := &Skew{o: o, kick: make(chan struct{}, 1), heard: make(map[ring.NodeID]heard)}
	s.life, s.end = context.WithCancel(context.Background())
	s.done.Go(s.run)
	return s
}

// Kick has peers asked now: the document is here, or a node is back.
func (s *Skew) Kick() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// Close ends the asking and waits for it.
func (s *Skew) Close() {
	s.end()
	s.done.Wait()
}

func (s *Skew) run() {
	for s.life.Err() == nil {
		s.round()
		tick := make(chan struct{})
		timer := s.o.Clock.AfterFunc(every, func() { close(tick) })
		select {
		case <-tick:
		case <-s.kick:
		case <-s.life.Done():
		}
		timer.Stop()
	}
}

// round asks some peers at once, and tells in the log what has changed.
func (s *Skew) round() {
	doc := s.o.Cluster.Document()
	if doc == nil {
		return
	}
	var asked sync.WaitGroup
	for _, id := range s.next(doc) {
		asked.Go(func() { s.ask(id) })
	}
	asked.Wait()
	off := s.off()
	ids := slices.Sorted(maps.Keys(off))
	if slices.Equal(ids, s.told) || s.life.Err() != nil {
		return
	}
	s.told = ids
	if len(ids) == 0 {
		s.o.Logger.Info("no clock is off any more")
	}
	for _, id := range ids {
		s.o.Logger.Warn("a node's clock is off", slog.String("node", s.name(id)), slog.Duration("ahead", off[id]), slog.Duration("bound", s.Bound()))
	}
}

// next are the members whose turn it is, as far as they are up.
func (s *Skew) next(doc *ring.Document) []ring.NodeID {
	var ids []ring.NodeID
	for i := range min(len(doc.Members), most) {
		id := doc.Members[(s.turn+i)%len(doc.Members)].ID
		if id != s.o.Self && s.o.Cluster.Up(id) {
			ids = append(ids, id)
		}
	}
	s.turn = (s.turn + most) % max(len(doc.Members), 1)
	return ids
}

func (s *Skew) ask(id ring.NodeID) {
	ctx, cancel := clock.WithTimeout(s.life, s.o.Clock, within)
	defer cancel()
	before := s.o.Cluster.Time()
	theirs, err := s.o.Cluster.TimeOf(ctx, id)
	after := s.o.Cluster.Time()
	if err != nil || after-before > within.Milliseconds() || after < before {
		return
	}
	ahead := time.Duration(theirs-before-(after-before)/2) * time.Millisecond
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard[id] = heard{ahead: ahead, at: s.o.Clock.Now()}
}

// Bound is how far a clock may be off.
func (s *Skew) Bound() time.Duration {
	if doc := s.o.Cluster.Document(); doc != nil && doc.Settings.SkewMillis > 0 {
		return time.Duration(doc.Settings.SkewMillis) * time.Millisecond
	}
	return DefaultBound
}

// Ahead is how far this node's clock is ahead of the median; below 0 it is behind.
func (s *Skew) Ahead() time.Duration { return -median(s.offsets()) }

// ErrOff says that a node's clock is too far off to write by.
var ErrOff = errors.New("the clock is off")

// off is how far ahead each clock is that is off by more than the bound.
func (s *Skew) off() map[ring.NodeID]time.Duration {
	offsets, bound := s.offsets(), s.Bound()
	middle := median(offsets)
	maps.DeleteFunc(offsets, func(_ ring.NodeID, ahead time.Duration) bool { return (ahead - middle).Abs() <= bound })
	for id := range offsets {
		offsets[id] -= middle
	}
	return offsets
}

// Err is nil, or says by how much this node's clock is off.
func (s *Skew) Err() error {
	ahead, bound := s.Ahead(), s.Bound()
	if ahead.Abs() <= bound {
		return nil
	}
	return fmt.Errorf("%w: the clock of node %s is %s the others' (the bound is %s): it takes no writes until that is set right",
		ErrOff, s.name(s.o.Self), apart(ahead), bound)
}

// Alarms tells whose clock is off by more than the bound.
func (s *Skew) Alarms() (alarms []string) {
	off := s.off()
	for _, id := range slices.Sorted(maps.Keys(off)) {
		alarms = append(alarms, fmt.Sprintf("the clock of node %s is %s the others' (the bound is %s): it takes no writes until that is set right",
			s.name(id), apart(off[id]), s.Bound()))
	}
	return alarms
}

// offsets are how far each clock is ahead of this one, as far as it was heard of lately.
func (s *Skew) offsets() map[ring.NodeID]time.Duration {
	now := s.o.Clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	offsets := map[ring.NodeID]time.Duration{s.o.Self: 0}
	for id, h := range s.heard {
		if now.Sub(h.at) > fresh || now.Before(h.at) {
			delete(s.heard, id)
			continue
		}
		offsets[id] = h.ahead
	}
	return offsets
}

// median is the middle of the clocks; of two in the middle the one nearer to this node's,
// which is at 0: half of the nodes are no majority.
func median(offsets map[ring.NodeID]time.Duration) time.Duration {
	sorted := make([]time.Duration, 0, len(offsets))
	for _, o := range offsets {
		sorted = append(sorted, o)
	}
	slices.Sort(sorted)
	n := len(sorted)
	if n == 0 {
		return 0
	}
	low, high := sorted[(n-1)/2], sorted[n/2]
	if cmp.Compare(low.Abs(), high.Abs()) <= 0 {
		return low
	}
	return high
}

func (s *Skew) name(id ring.NodeID) string {
	if doc := s.o.Cluster.Document(); doc != nil {
		if m, ok := doc.Member(id); ok && m.Name != "" {
			return m.Name
		}
	}
	return id.String()
}

// apart words a distance.
func apart(ahead time.Duration) string {
	word := "ahead of"
	if ahead < 0 {
		word = "behind"
	}
	return fmt.Sprintf("%s %s", ahead.Abs().Round(time.Millisecond), word)
}
