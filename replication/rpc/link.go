package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

// link is the way to one peer for one class: a connection, or the attempt to make
// one, and the calls on it.
type link struct {
	e  *Endpoint
	to Target

	mu      sync.Mutex // guards what follows
	wire    *wire      // nil while there is none
	dialing bool
	waiting []*pending // calls for when the dial is done
	calls   map[uint64]*pending
	nextID  uint64
	failed  error // of the last dial
	retry   time.Time
	closed  bool

	frames    int64     // read from wire when a call was last given up
	suspected time.Time // since when that number has not grown
}

// pending is a call whose reply is owed.
type pending struct {
	tag     int
	replies chan<- Reply
	call    Call
	started time.Time
	once    sync.Once
	stop    func() bool // ends the watch on its context
	id      uint64
}

// finish gives the one reply.
func (p *pending) finish(e *Endpoint, body []byte, err error) {
	p.once.Do(func() {
		if p.stop != nil {
			p.stop()
		}
		p.replies <- Reply{Tag: p.tag, Body: body, Err: err, Elapsed: e.o.Clock.Now().Sub(p.started)}
	})
}

// start puts a call on its way: onto the connection, or behind the dial.
func (l *link) start(ctx context.Context, p *pending) {
	l.mu.Lock()
	p.stop = context.AfterFunc(ctx, func() { // it begins with the lock: no sooner than the call is started
		l.forget(p)
		p.finish(l.e, nil, context.Cause(ctx))
	})
	err := l.startLocked(p)
	l.mu.Unlock()
	if err != nil {
		p.finish(l.e, nil, err)
	}
}

func (l *link) startLocked(p *pending) error {
	switch {
	case l.closed:
		return ErrClosed
	case l.wire != nil:
		if err := l.sendLocked(p); err == nil || l.wire.reason() == nil {
			return err
		} // else the connection has just ended, and down makes the next one
	case !l.dialing && l.failed != nil && l.e.o.Clock.Now().Before(l.retry):
		return l.failed
	}
	if len(l.waiting) >= maxPending {
		return unreachable(l.to.Addr, fmt.Errorf("%d calls wait for the connection", len(l.waiting)))
	}
	l.waiting = append(l.waiting, p)
	if l.wire == nil && !l.dialLocked() {
		l.waiting = nil
		return ErrClosed
	}
	return nil
}

// dialLocked sees to it that a connection is being made; false when the endpoint
// closes.
func (l *link) dialLocked() bool {
	l.dialing = l.dialing || l.e.enter(l.connect)
	return l.dialing
}

// sendLocked queues a call on the connection.
func (l *link) sendLocked(p *pending) error {
	if len(l.calls) >= maxPending {
		return unreachable(l.to.Addr, fmt.Errorf("%d calls are outstanding", len(l.calls)))
	}
	l.nextID++
	p.id = l.nextID
	f := frame{
		kind: kindCall, id: p.id, method: p.call.Method, timeout: l.left(p),
		document: l.e.o.Document(), trace: p.call.Trace[:min(len(p.call.Trace), maxTrace)], body: p.call.Body,
	}
	switch err := l.wire.send(&f); {
	case errors.Is(err, ErrTooLarge):
		return err
	case err != nil:
		return unreachable(l.to.Addr, err)
	}
	l.calls[p.id] = p
	return nil
}

// left is what is left of a call's time, some of which may have gone into a dial.
func (l *link) left(p *pending) time.Duration {
	if p.call.Within <= 0 {
		return 0
	}
	return max(p.call.Within-l.e.o.Clock.Now().Sub(p.started), time.Microsecond)
}

// forget drops a call that nobody waits for any more.
func (l *link) forget(p *pending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls[p.id] == p {
		delete(l.calls, p.id)
		l.suspectLocked()
	}
	l.waiting = slices.DeleteFunc(l.waiting, func(q *pending) bool { return q == p })
}

// suspectLocked ends a connection on which calls go unanswered while nothing else
// comes either. After a long split a new one is up at once, where the old one's
// retransmissions are minutes apart.
func (l *link) suspectLocked() {
	now := l.e.o.Clock.Now()
	if frames := l.wire.frames.Load(); frames != l.frames || l.suspected.IsZero() {
		l.frames, l.suspected = frames, now
		return
	}
	if now.Sub(l.suspected) >= stallAfter {
		l.wire.end(errStalled)
	}
}

// connect dials and, if that succeeds, reads answers until the connection ends. It
// is the link's one goroutine, apart from the connection's writer.
func (l *link) connect() {
	ctx, cancel := clock.WithTimeout(l.e.life, l.e.o.Clock, dialWithin)
	w, _, err := l.e.dial(ctx, l.to)
	cancel()
	if err != nil {
		l.fail(err)
		return
	}
	if !l.up(w) {
		w.end(ErrClosed)
		return
	}
	if !l.e.enter(w.write) {
		w.end(ErrClosed)
	}
	l.down(w, l.read(w))
}

// fail ends the calls that waited for a dial.
func (l *link) fail(err error) {
	l.e.dialsFailed.Add(1)
	l.mu.Lock()
	waiting := l.waiting
	l.waiting, l.dialing, l.failed = nil, false, err
	l.retry = l.e.o.Clock.Now().Add(retryAfter)
	if l.closed || l.e.life.Err() != nil { // Close ends dials before it comes to this link
		err = ErrClosed
	}
	l.mu.Unlock()
	l.finish(waiting, err)
}

// up puts the calls that waited onto the new connection.
func (l *link) up(w *wire) bool {
	l.mu.Lock()
	if l.closed {
		waiting := l.waiting
		l.waiting = nil
		l.mu.Unlock()
		l.finish(waiting, ErrClosed)
		return false
	}
	l.wire, l.dialing, l.failed, l.calls = w, false, nil, make(map[uint64]*pending)
	l.frames, l.suspected = 0, time.Time{}
	waiting := l.waiting
	l.waiting = nil
	var unsent []*pending
	var last error
	for _, p := range waiting {
		if err := l.sendLocked(p); err != nil {
			unsent, last = append(unsent, p), err
		}
	}
	l.mu.Unlock()
	l.finish(unsent, last)
	return true
}

// read hands answers to their calls until the connection ends.
func (l *link) read(w *wire) error {
	defer w.forget()
	for {
		f, err := w.read()
		if err != nil {
			return err
		}
		if f.kind == kindCall {
			return fmt.Errorf("%w: a call from the side that serves", errFrame)
		}
		l.mu.Lock()
		p := l.calls[f.id]
		delete(l.calls, f.id)
		l.mu.Unlock()
		l.e.held.Add(-f.held)
		if p == nil {
			continue // its caller has given up
		}
		if f.kind == kindError {
			p.finish(l.e, nil, remote(f))
			continue
		}
		p.finish(l.e, f.body, nil)
	}
}

func remote(f frame) error {
	return &RemoteError{Code: f.code, Message: string(f.body)}
}

// down ends the calls on a connection that ended.
func (l *link) down(w *wire, err error) {
	l.e.judge(err, "answers", l.to.Addr)
	w.end(err)
	l.mu.Lock()
	broken := make([]*pending, 0, len(l.calls))
	for _, p := range l.calls {
		broken = append(broken, p)
	}
	l.wire, l.calls = nil, nil
	closed := l.closed
	var orphans []*pending
	if len(l.waiting) > 0 && (closed || !l.dialLocked()) {
		orphans, l.waiting = l.waiting, nil
	}
	l.mu.Unlock()
	l.finish(orphans, ErrClosed)
	slices.SortFunc(broken, func(p, q *pending) int { return int(p.id) - int(q.id) }) //nolint:gosec // ids of one connection are near each other
	if closed {
		l.finish(broken, ErrClosed)
		return
	}
	l.finish(broken, fmt.Errorf("%w: %s: %w", ErrBroken, l.to.Addr, w.reason()))
}

func (l *link) finish(calls []*pending, err error) {
	for _, p := range calls {
		p.finish(l.e, nil, err)
	}
}

// close ends the link; its goroutine sees to the calls.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	w := l.wire
	l.mu.Unlock()
	if w != nil {
		w.end(ErrClosed)
	}
}

// dial connects and says hello.
func (e *Endpoint) dial(ctx context.Context, to Target) (*wire, Hello, error) {
	e.dials.Add(1)
	conn, err := e.o.Network.Dial(ctx, to.Addr)
	if err != nil {
		return nil, Hello{}, unreachable(to.Addr, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends what waits for a hello
	defer stop()
	in := bufio.NewReaderSize(conn, pieceBytes)
	peer, refusal, err := e.greet(conn, in)
	switch {
	case errors.Is(err, errVersion):
		e.refused.Add(1)
		err = fmt.Errorf("%w: %s: %w", ErrRefused, to.Addr, err)
	case err != nil:
		e.judge(err, "preface", to.Addr)
		err = unreachable(to.Addr, err)
	case refusal != "":
		e.refused.Add(1)
		err = fmt.Errorf("%w by %s at %s: %s", ErrRefused, peer.Node, to.Addr, refusal)
	case to.ID != 0 && peer.Node != to.ID:
		err = unreachable(to.Addr, fmt.Errorf("node %s lives there, not %s", peer.Node, to.ID))
	default:
		if checked := e.o.Check(peer); checked != nil {
			e.refused.Add(1)
			err = fmt.Errorf("%w: %w", ErrRefused, checked)
		}
	}
	if err != nil {
		_ = conn.Close() // the reason is told already
		return nil, peer, err
	}
	return newWire(conn, in, &e.held, e.limits), peer, nil
}

// greet is the dialer's side of the preface.
func (e *Endpoint) greet(conn interface{ Write([]byte) (int, error) }, in *bufio.Reader) (peer Hello, refusal string, err error) {
	if err := writeHello(conn, e.o.Self(), nil); err != nil {
		return Hello{}, "", err
	}
	if peer, err = readHello(in); err != nil {
		return peer, "", err
	}
	text, err := readText(in)
	return peer, string(text), err
}
