package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
	"github.com/hengedb/henge/storage/crew"
)

// Mode says on which goroutine a handler runs.
type Mode uint8

// The modes.
const (
	Inline Mode = iota // on the connection's own: it must not wait for anything
	Spawn              // on one of its own
)

// Request is a call as its handler sees it.
type Request struct {
	From     Peer
	Method   Method
	Document uint64 // the document version of the caller
	Body     []byte // the handler's own
	Trace    string
}

// Peer is who calls.
type Peer struct {
	ID    ring.NodeID
	Nonce uint64
}

// Handler answers a call. ctx ends when the caller's time is up, the connection
// ends or the endpoint closes. An error goes back as a *RemoteError.
type Handler func(ctx context.Context, req *Request) ([]byte, error)

type handling struct {
	handler Handler
	mode    Mode
}

// Handle says who answers a method. All are said before Serve is called.
func (e *Endpoint) Handle(m Method, mode Mode, h Handler) { e.handlers[m] = handling{h, mode} }

// Serve accepts connections until the endpoint closes. It returns at once.
func (e *Endpoint) Serve(l net.Listener) {
	e.mu.Lock()
	e.listeners = append(e.listeners, l)
	e.mu.Unlock()
	if !e.enter(func() { e.accept(l) }) {
		_ = l.Close() // the endpoint is closed: nobody asks
	}
}

// acceptPause follows an accept that failed, for want of file descriptors say.
const acceptPause = 100 * time.Millisecond

func (e *Endpoint) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err == nil {
			if !e.enter(func() { e.welcome(conn) }) {
				_ = conn.Close() // the endpoint is closed
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) || e.life.Err() != nil {
			return
		}
		e.complain("accept", l.Addr().String(), err)
		if clock.Sleep(e.life, e.o.Clock, acceptPause) != nil {
			return
		}
	}
}

// maxOpen bounds the connections served at once: two for each of 1,000 peers, and
// as many for those of their earlier starts.
const maxOpen = 4096

// welcome is the acceptor's side of the preface, and then serves.
func (e *Endpoint) welcome(conn net.Conn) {
	e.accepted.Add(1)
	defer e.open.Add(-1)
	if e.open.Add(1) > maxOpen {
		_ = conn.Close() // it would cost the others
		return
	}
	ctx, cancel := clock.WithTimeout(e.life, e.o.Clock, dialWithin)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends what waits for a hello
	in := bufio.NewReaderSize(conn, pieceBytes)
	peer, err := readHello(in)
	if err != nil && !errors.Is(err, errVersion) {
		e.judge(err, "preface", conn.RemoteAddr().String())
		_ = conn.Close() // nothing more can be said to it
		return
	}
	if err == nil {
		err = e.o.Check(peer)
	}
	verdict := ""
	if err != nil {
		verdict = err.Error()
		e.refused.Add(1)
		e.complain("peer refused", conn.RemoteAddr().String(), err)
	}
	if err := writeHello(conn, e.o.Self(), &verdict); err != nil || verdict != "" || !stop() {
		_ = conn.Close() // it was told why, or is gone
		return
	}
	cancel()
	e.serve(newWire(conn, in, &e.held, e.limits), peer)
}

// serve reads calls until the connection ends, and waits for their handlers.
func (e *Endpoint) serve(w *wire, hello Hello) {
	e.mu.Lock()
	closed := e.closed
	e.served[w] = struct{}{}
	e.mu.Unlock()
	if closed {
		w.end(ErrClosed)
	}
	ctx, cancel := context.WithCancel(e.life)
	s := &server{e: e, w: w, ctx: ctx, peer: Peer{hello.Node, hello.Nonce}, slots: make(chan struct{}, e.o.MaxAtWork), crew: crew.Crew{Idle: idleHandlers}}
	s.tasks.Go(w.write)
	err := s.read()
	e.judge(err, "calls", w.conn.RemoteAddr().String())
	w.end(err)
	cancel()
	s.crew.Close()
	s.tasks.Wait()
	w.forget()
	e.mu.Lock()
	delete(e.served, w)
	e.mu.Unlock()
}

// idleHandlers is how many goroutines of a connection wait for a call.
const idleHandlers = 8

// server is one connection's serving side.
type server struct {
	e     *Endpoint
	w     *wire
	ctx   context.Context
	peer  Peer
	slots chan struct{}
	tasks sync.WaitGroup
	crew  crew.Crew
}

func (s *server) read() error {
	for {
		f, err := s.w.read()
		if err != nil {
			return err
		}
		if f.kind != kindCall {
			return errFrame
		}
		h := s.e.handlers[f.method]
		switch {
		case h.handler == nil:
			s.e.held.Add(-f.held)
			s.answer(f.id, nil, errors.New("no such method"))
		case h.mode == Inline:
			s.run(s.ctx, h.handler, f)
		default:
			s.spawn(h.handler, f)
		}
	}
}

// spawn runs a handler on a goroutine of its own, if there is a slot.
func (s *server) spawn(h Handler, f frame) {
	select {
	case s.slots <- struct{}{}:
	default:
		s.e.overloads.Add(1)
		s.e.held.Add(-f.held)
		s.answer(f.id, nil, overload{})
		return
	}
	s.crew.Go(func() {
		defer func() { <-s.slots }()
		ctx := s.ctx
		if f.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = clock.WithTimeout(ctx, s.e.o.Clock, f.timeout)
			defer cancel()
		}
		s.run(ctx, h, f)
	})
}

func (s *server) run(ctx context.Context, h Handler, f frame) {
	body, err := h(ctx, &Request{From: s.peer, Method: f.method, Document: f.document, Body: f.body, Trace: f.trace})
	s.e.held.Add(-f.held)
	s.answer(f.id, body, err)
}

// answer queues an answer. One that cannot be queued ends the connection: the
// caller would wait for it in vain.
func (s *server) answer(id uint64, body []byte, err error) {
	f := frame{kind: kindAnswer, id: id, body: body}
	if err == nil && int64(len(body)) > s.w.limits.message {
		err = fmt.Errorf("%w: an answer of %d bytes, the limit is %d", ErrTooLarge, len(body), s.w.limits.message)
	}
	if err != nil {
		text := err.Error()
		f = frame{kind: kindError, id: id, body: []byte(text[:min(len(text), maxHello)])}
		var coded interface{ RPCCode() uint16 }
		if errors.As(err, &coded) {
			f.code = coded.RPCCode()
		}
	}
	if err := s.w.send(&f); err != nil {
		s.w.end(err)
	}
}

// overload is the refusal of a call when too many are at work.
type overload struct{}

func (overload) Error() string { return "too many calls at work" }

// RPCCode tells the caller that nothing was done.
func (overload) RPCCode() uint16 { return CodeOverload }
