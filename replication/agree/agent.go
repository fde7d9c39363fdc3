package agree

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// Agent is one node's part in deciding the cluster document: it votes, proposes
// and adopts. It is safe for concurrent use; after Close everything but Document
// and Alarm returns ErrClosed.
type Agent struct {
	self    ring.NodeID
	log     Log
	peers   Peers
	clock   clock.Clock
	rand    func() uint64
	logger  *slog.Logger
	adopted func(*ring.Document)
	abstain func() string

	doc   atomic.Pointer[ring.Document] // as in state, for those who only read
	alarm atomic.Pointer[string]        // likewise
	aside atomic.Pointer[[]string]      // stored under step; see Aside

	step  stepLock
	state State         // under step
	shown chan struct{} // under step; closed once Adopted has returned for the document in state

	turn    stepLock // held by the one proposal of this node that is at work
	failure atomic.Pointer[UndecidedError]

	pulls    pulls
	spreader spreader

	life   context.Context // ends at Close, with ErrClosed
	end    context.CancelCauseFunc
	gate   sync.RWMutex // held for reading while tasks are added
	closed bool
	tasks  sync.WaitGroup // calls in progress and goroutines of our own
}

// New takes up what the log holds. It fails with ErrRecord when that cannot be
// used, and with the log's own errors.
func New(o Options) (*Agent, error) {
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	document, err := o.Log.LoadDocument()
	if err != nil {
		return nil, fmt.Errorf("load document: %w", err)
	}
	saved, err := o.Log.LoadAcceptor()
	if err != nil {
		return nil, fmt.Errorf("load acceptor: %w", err)
	}
	aside, err := o.Log.LoadAside()
	if err != nil {
		return nil, fmt.Errorf("load what is set aside: %w", err)
	}
	state, err := Restore(o.Self, document, saved)
	if err != nil {
		return nil, err
	}
	a := &Agent{
		self: o.Self, log: o.Log, peers: o.Peers, clock: o.Clock, rand: o.Rand,
		logger: o.Logger, adopted: o.Adopted, abstain: o.Abstain,
		state: state, step: newStepLock(), turn: newStepLock(), shown: make(chan struct{}),
	}
	close(a.shown)
	a.doc.Store(state.Held)
	a.aside.Store(&aside)
	a.life, a.end = context.WithCancelCause(context.Background())
	return a, nil
}

// Document is the newest decided document that this node has saved, nil while it
// has none. It never waits. It may run ahead of Adopted by one call: who must know
// that Adopted has returned waits for Adopt, Pull or Propose.
func (a *Agent) Document() *ring.Document { return a.doc.Load() }

// Alarm says which documents are in conflict; empty is well. While it stands,
// nothing is proposed and nothing voted for; data requests are not concerned.
func (a *Agent) Alarm() string {
	if text := a.alarm.Load(); text != nil {
		return *text
	}
	return ""
}

// Undecided reports whether this node has accepted a document that follows the one held:
// it may have been decided.
func (a *Agent) Undecided(ctx context.Context) (bool, error) {
	if err := a.step.lock(ctx); err != nil {
		return false, err
	}
	defer a.step.unlock()
	return a.state.Acceptor.Accepted != Ballot{}, nil
}

// Close stops all proposals, waits for everything in progress, Adopted included,
// and returns. A second Close returns ErrClosed.
func (a *Agent) Close() error {
	a.gate.Lock()
	again := a.closed
	a.closed = true
	a.gate.Unlock()
	if again {
		return ErrClosed
	}
	a.end(ErrClosed)
	a.tasks.Wait()
	return nil
}

// enter begins a call: its context ends with the Agent's life, and Close waits for
// leave.
func (a *Agent) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	a.gate.RLock()
	defer a.gate.RUnlock()
	if a.closed {
		return nil, nil, ErrClosed
	}
	a.tasks.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(a.life, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
		a.tasks.Done()
	}, nil
}

// spawn runs f in a goroutine that Close waits for. It is called from calls that
// have entered. The clock starts the goroutine, so that a simulation that gives
// each timer an instant of its own also orders what is started together.
func (a *Agent) spawn(f func()) {
	a.tasks.Add(1)
	a.clock.AfterFunc(0, func() {
		defer a.tasks.Done()
		f()
	})
}

// become makes next the state, for all to see. The caller holds step, and has
// saved what next says must be.
func (a *Agent) become(next State) {
	if next.Alarm != a.state.Alarm {
		a.alarm.Store(&next.Alarm)
		a.logger.Error("cluster documents in conflict", slog.String("alarm", next.Alarm))
	}
	a.state = next
	a.doc.Store(next.Held)
}

// stepLock serialises the steps of the state. It is held while a step is saved,
// which waits for the disk, so it is a channel that waiters give up with their
// context: a slow disk delays votes, and nobody else. Readers never need it.
type stepLock chan struct{}

func newStepLock() stepLock { return make(stepLock, 1) }

func (l stepLock) lock(ctx context.Context) error {
	select {
	case l <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l stepLock) unlock() { <-l }
