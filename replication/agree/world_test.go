package agree

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge/ring"
)

// world is a few agents in a bubble, on a network and disks in memory.
type world struct {
	t  *testing.T
	mu sync.Mutex

	rng    *rand.Rand               // under mu
	agents map[ring.NodeID]*Agent   // under mu; that run
	logs   map[ring.NodeID]*memLog  // never changes
	cut    map[[2]ring.NodeID]bool  // under mu; messages are swallowed
	sent   map[Kind]int             // under mu
	loss   float64                  // under mu
	seen   map[ring.NodeID][]uint64 // under mu; versions that Adopted was called with
}

const (
	worldDelay = time.Millisecond     // of a message, about
	worldSync  = 2 * time.Millisecond // of a save, about
)

var errRefused = errors.New("connection refused")

// newWorld starts count agents that hold first, which may be nil.
func newWorld(t *testing.T, count int, first *ring.Document) *world {
	t.Helper()
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(1, 2)), agents: map[ring.NodeID]*Agent{}, logs: map[ring.NodeID]*memLog{},
		cut: map[[2]ring.NodeID]bool{}, sent: map[Kind]int{}, seen: map[ring.NodeID][]uint64{},
	}
	for id := ring.NodeID(1); int(id) <= count; id++ {
		w.logs[id] = &memLog{delay: worldSync}
		if first != nil {
			w.logs[id].document = first.Raw()
		}
		w.start(id)
	}
	t.Cleanup(func() {
		for id := range w.logs {
			w.stop(id)
		}
	})
	return w
}

// start runs the agent of a node with what its log holds.
func (w *world) start(id ring.NodeID) *Agent {
	w.t.Helper()
	a, err := New(Options{
		Self: id, Log: w.logs[id], Peers: &link{w: w, from: id}, Rand: w.rand,
		Logger: slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		Adopted: func(d *ring.Document) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.seen[id] = append(w.seen[id], d.Version)
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.agents[id] = a
	return a
}

// stop closes the agent of a node, if it runs.
func (w *world) stop(id ring.NodeID) {
	w.t.Helper()
	w.mu.Lock()
	a := w.agents[id]
	delete(w.agents, id)
	w.mu.Unlock()
	if a == nil {
		return
	}
	if err := a.Close(); err != nil {
		w.t.Errorf("close %s: %v", id, err)
	}
}

func (w *world) agent(id ring.NodeID) *Agent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.agents[id]
}

func (w *world) rand() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.Uint64()
}

// isolate cuts a node off from all others, or ends that.
func (w *world) isolate(id ring.NodeID, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for other := range w.logs {
		w.cut[[2]ring.NodeID{id, other}] = cut
		w.cut[[2]ring.NodeID{other, id}] = cut
	}
}

func (w *world) count(k Kind) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent[k]
}

func (w *world) adopted(id ring.NodeID) []uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]uint64(nil), w.seen[id]...)
}

// propose has a node propose a bucket within a time.
func (w *world) propose(id ring.NodeID, bucket string, within time.Duration) (*ring.Document, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), within)
	defer cancel()
	return w.agent(id).Propose(ctx, addBucket(bucket))
}

// addBucket is the edit that makes a bucket if there is none of that name.
func addBucket(name string) Edit {
	return func(d *ring.Document) (*ring.Document, error) {
		if _, exists := d.Bucket(name); exists {
			return nil, nil
		}
		return d.WithBucket(ring.Bucket{Name: name, Policy: "siblings"})
	}
}

// mustPropose is propose where it must succeed.
func (w *world) mustPropose(id ring.NodeID, bucket string) *ring.Document {
	w.t.Helper()
	d, err := w.propose(id, bucket, 10*time.Second)
	if err != nil {
		w.t.Fatalf("%s proposes %q: %v", id, bucket, err)
	}
	if _, ok := d.Bucket(bucket); !ok {
		w.t.Fatalf("%s proposed %q and got %s without it", id, bucket, d.Name())
	}
	return d
}

// link is one node's Peers.
type link struct {
	w    *world
	from ring.NodeID
}

var _ Peers = (*link)(nil)

func (l *link) Send(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error) {
	m, err := DecodeMessage(body)
	if err != nil {
		l.w.t.Errorf("%s sends what cannot be read: %v", l.from, err)
	}
	l.w.mu.Lock()
	l.w.sent[m.Kind]++
	l.w.mu.Unlock()
	if err := l.travel(ctx, l.from, to); err != nil {
		return nil, err
	}
	a := l.w.agent(to)
	if a == nil {
		return nil, fmt.Errorf("dial %s: %w", to, errRefused)
	}
	answer, err := a.Handle(ctx, l.from, body)
	if err != nil {
		return nil, err
	}
	return answer, l.travel(ctx, to, l.from)
}

// travel takes a message's time, or for ever if it is lost.
func (l *link) travel(ctx context.Context, from, to ring.NodeID) error {
	l.w.mu.Lock()
	delay := worldDelay/2 + time.Duration(l.w.rng.Int64N(int64(worldDelay)))
	lost := l.w.cut[[2]ring.NodeID{from, to}] || l.w.rng.Float64() < l.w.loss
	l.w.mu.Unlock()
	if lost {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	time.Sleep(delay)
	return nil
}

// memLog is a Log in memory whose saves take time; what is not saved when its node
// crashes is lost.
type memLog struct {
	mu               sync.Mutex
	document, record []byte        // under mu
	aside            []string      // under mu
	delay            time.Duration // under mu
	fail             error         // under mu; of every save
	crashes          int           // under mu
}

var _ Log = (*memLog)(nil)

func (l *memLog) LoadAcceptor() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.record, nil
}

func (l *memLog) LoadDocument() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.document, nil
}

func (l *memLog) SaveAcceptor(ctx context.Context, record []byte) error {
	return l.save(ctx, &l.record, record)
}

func (l *memLog) SaveDocument(ctx context.Context, raw []byte) error {
	return l.save(ctx, &l.document, raw)
}

func (l *memLog) LoadAside() ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.aside), nil
}

func (l *memLog) SaveAside(ctx context.Context, name string, raw []byte) error {
	var kept []byte
	if err := l.save(ctx, &kept, raw); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.aside = append(l.aside, name)
	return nil
}

var errCrashed = errors.New("crashed")

func (l *memLog) save(ctx context.Context, where *[]byte, b []byte) error {
	l.mu.Lock()
	delay, life := l.delay, l.crashes
	l.mu.Unlock()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.crashes != life {
		return errCrashed
	}
	if l.fail == nil {
		*where = b
	}
	return l.fail
}

// set changes how saves go from now on.
func (l *memLog) set(delay time.Duration, fail error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay, l.fail = delay, fail
}

// crash loses the saves in progress.
func (l *memLog) crash() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.crashes++
}

// reseed draws what follows from seed, and loses that share of messages.
func (w *world) reseed(seed uint64, loss float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rng, w.loss = rand.New(rand.NewPCG(seed, 1)), loss
}

// clients has every node propose one bucket after another. The function it returns
// waits for them, and returns the buckets that were told to be decided, with the
// version.
func (w *world) clients(each int) func() map[string]uint64 {
	var wg sync.WaitGroup
	told := map[string]uint64{}
	for id := range w.logs {
		wg.Go(func() {
			for i := range each {
				token := fmt.Sprintf("b%s.%d", id, i)
				if a := w.agent(id); a != nil {
					ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Second)
					d, err := a.Propose(ctx, addBucket(token))
					cancel()
					if err == nil {
						b, _ := d.Bucket(token)
						w.mu.Lock()
						told[token] = b.Generation
						w.mu.Unlock()
					}
				}
				time.Sleep(time.Duration(w.rand()%300) * time.Millisecond)
			}
		})
	}
	return func() map[string]uint64 {
		wg.Wait()
		return told
	}
}
