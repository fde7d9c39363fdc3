package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// Method says what a call asks for. Its numbers are the caller's to give.
type Method uint8

// Class chooses the connection of a call.
type Class uint8

// The classes.
const (
	Small Class = iota // requests that somebody waits for
	Bulk               // hints, transfers, large values
)

// Target is where to call: a node, at the address where it was last seen.
type Target struct {
	ID   ring.NodeID
	Addr string // host:port
}

// Call is one call.
type Call struct {
	Method Method
	Class  Class
	Body   []byte        // not changed, and not kept once the reply is in
	Within time.Duration // how long the peer may work on it, from now on; 0: as long as it likes
	Trace  string        // at most 256 bytes; kept for the peer's logs
}

// Reply is the end of a call. The body is the receiver's own.
type Reply struct {
	Tag     int
	Body    []byte
	Err     error // nil, *RemoteError, ErrUnreachable, ErrTooLarge, ErrBroken, ErrRefused, ErrClosed, or the context's cause
	Elapsed time.Duration
}

// Options are what an Endpoint works with. Self must be set.
type Options struct {
	Self     func() Hello      // as of now, for each new connection
	Check    func(Hello) error // refuses a peer, either way; the text reaches it. nil refuses nobody
	Document func() uint64     // the document version that goes with every call; nil is 0
	Network  Network           // nil is TCP
	Clock    clock.Clock       // nil is the machine's
	Logger   *slog.Logger      // nil discards

	MaxMessage int64 // bytes of one message; 0 is 256 MiB: a key's siblings from several sides of a split
	MaxQueue   int64 // bytes waiting on one connection; 0 is 256 MiB
	MaxMemory  int64 // bytes waiting, partly received or being handled on all; 0 is 1 GiB
	MaxAtWork  int   // spawned calls of one connection at once; 0 is 4,096
}

// The pace of connections.
const (
	dialWithin  = time.Second           // a peer that takes longer to say hello is away
	retryAfter  = 50 * time.Millisecond // calls fail at once so long after a failed dial
	stallAfter  = 3 * time.Second       // silent so long while calls are given up: made anew
	logEvery    = 10 * time.Second      // one line about bad connections
	maxPending  = 1 << 16               // calls outstanding on one connection
	defaultSpan = 256 << 20
)

func (o *Options) ensureDefaults() error {
	if o.Self == nil {
		return errors.New("rpc.Options: Self is not set")
	}
	if o.Check == nil {
		o.Check = func(Hello) error { return nil }
	}
	if o.Document == nil {
		o.Document = func() uint64 { return 0 }
	}
	if o.Network == nil {
		o.Network = TCP{}
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.MaxMessage = cmp.Or(o.MaxMessage, defaultSpan)
	o.MaxQueue = cmp.Or(o.MaxQueue, defaultSpan)
	o.MaxMemory = cmp.Or(o.MaxMemory, 1<<30)
	o.MaxAtWork = cmp.Or(o.MaxAtWork, 4096)
	return nil
}

// Counters are what an endpoint met since it was made.
type Counters struct {
	Calls       int64
	Dials       int64
	DialsFailed int64
	Accepted    int64
	Malformed   int64 // connections ended for a malformed frame or preface
	Refused     int64 // connections refused, either way
	Overloads   int64 // calls refused because too many were at work
	Held        int64 // bytes waiting, partly received or being handled now
}

// Endpoint calls peers and serves them. It is safe for concurrent use; Close ends it.
type Endpoint struct {
	o      Options
	limits limits
	held   atomic.Int64
	open   atomic.Int64 // connections served

	calls, dials, dialsFailed, accepted, malformed, refused, overloads atomic.Int64
	lastLog                                                            atomic.Int64

	handlers [256]handling

	mu        sync.Mutex // guards what follows
	links     map[linkKey]*link
	served    map[*wire]struct{}
	listeners []net.Listener
	closed    bool

	life  context.Context
	end   context.CancelFunc
	tasks sync.WaitGroup
}

type linkKey struct {
	target Target
	class  Class
}

// New makes an endpoint that serves nothing yet.
func New(o Options) (*Endpoint, error) {
	if err := o.ensureDefaults(); err != nil {
		return nil, err
	}
	e := &Endpoint{
		o: o, limits: limits{o.MaxMessage, o.MaxQueue, o.MaxMemory},
		links: make(map[linkKey]*link), served: make(map[*wire]struct{}),
	}
	e.life, e.end = context.WithCancel(context.Background())
	return e, nil
}

// Counters tells what the endpoint met.
func (e *Endpoint) Counters() Counters {
	return Counters{
		Calls: e.calls.Load(), Dials: e.dials.Load(), DialsFailed: e.dialsFailed.Load(), Accepted: e.accepted.Load(),
		Malformed: e.malformed.Load(), Refused: e.refused.Load(), Overloads: e.overloads.Load(), Held: e.held.Load(),
	}
}

// Call sends one call and waits for its reply.
func (e *Endpoint) Call(ctx context.Context, to Target, c Call) ([]byte, error) {
	replies := make(chan Reply, 1)
	e.Start(ctx, to, c, 0, replies)
	reply := <-replies // ctx's end gives one too
	return reply.Body, reply.Err
}

// Start sends one call and returns at once. Exactly one reply with tag arrives on
// replies, which must have room for it: the peer's answer, or why there is none,
// the end of ctx included.
func (e *Endpoint) Start(ctx context.Context, to Target, c Call, tag int, replies chan<- Reply) {
	e.calls.Add(1)
	p := &pending{tag: tag, replies: replies, call: c, started: e.o.Clock.Now()}
	if err := context.Cause(ctx); err != nil {
		p.finish(e, nil, err)
		return
	}
	l, err := e.link(to, c.Class)
	if err != nil {
		p.finish(e, nil, err)
		return
	}
	l.start(ctx, p)
}

// link finds the link to a target, making it when it is first needed.
func (e *Endpoint) link(to Target, class Class) (*link, error) {
	if to.Addr == "" {
		return nil, unreachable(to.ID.String(), errors.New("its address is not known"))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	k := linkKey{to, class}
	l := e.links[k]
	if l == nil {
		l = &link{e: e, to: to}
		e.links[k] = l
	}
	return l, nil
}

// Probe dials addr, whoever lives there, and returns what it says about itself. A
// process that refuses the connection gives ErrRefused, and is alive.
func (e *Endpoint) Probe(ctx context.Context, addr string) (Hello, error) {
	w, peer, err := e.dial(ctx, Target{Addr: addr})
	if err != nil {
		return peer, err
	}
	w.end(ErrClosed)
	return peer, nil
}

// Close ends every connection and waits for every goroutine. Each call outstanding
// gets its reply, ErrClosed. A second Close returns ErrClosed.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return ErrClosed
	}
	e.closed = true
	listeners := e.listeners
	wires := make([]*wire, 0, len(e.served))
	for w := range e.served {
		wires = append(wires, w)
	}
	links := make([]*link, 0, len(e.links))
	for _, l := range e.links {
		links = append(links, l)
	}
	e.mu.Unlock()
	e.end()
	var errs []error
	for _, l := range listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("close listener: %w", err))
		}
	}
	for _, w := range wires {
		w.end(ErrClosed)
	}
	slices.SortFunc(links, func(a, b *link) int { return cmp.Compare(a.to.ID, b.to.ID) })
	for _, l := range links {
		l.close()
	}
	e.tasks.Wait()
	return errors.Join(errs...)
}

// enter starts a goroutine of the endpoint's own, unless Close has begun.
func (e *Endpoint) enter(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.tasks.Go(f)
	return true
}

// judge counts and logs what no peer should send.
func (e *Endpoint) judge(err error, what, addr string) {
	if errors.Is(err, errFrame) {
		e.malformed.Add(1)
		e.complain(what, addr, err)
	}
}

// complain logs that a connection was bad, now and then.
func (e *Endpoint) complain(what, addr string, err error) {
	now := e.o.Clock.Now().UnixNano()
	last := e.lastLog.Load()
	if now-last < int64(logEvery) || !e.lastLog.CompareAndSwap(last, now) {
		return
	}
	e.o.Logger.Warn("bad connection", slog.String("what", what), slog.String("peer_addr", addr), slog.String("error", err.Error()))
}
