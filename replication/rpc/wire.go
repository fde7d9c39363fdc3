package rpc

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
)

// wire is one connection: a writer that coalesces frames, and the pieces of large
// messages on their way in and out.
type wire struct {
	conn   net.Conn
	in     *bufio.Reader
	budget *atomic.Int64 // bytes that the endpoint holds in queues and pieces
	limits limits

	mu     sync.Mutex // guards what follows
	small  []byte     // frames ready to go
	large  []*message // messages that go in pieces, one piece of each in turn
	queued int64
	err    error // set once, when the connection ends
	wake   chan struct{}
	done   chan struct{}

	pieces  map[uint64][]byte // of the read loop alone
	partial int64             // bytes in pieces
	frames  atomic.Int64      // frames read so far
}

// limits bound what a connection and an endpoint hold.
type limits struct {
	message int64 // the largest message
	queue   int64 // bytes waiting on one connection
	memory  int64 // bytes held by the endpoint
}

// message is one that does not fit into a frame.
type message struct {
	head frame // goes last, with the rest of the body
	rest []byte
}

func newWire(conn net.Conn, in *bufio.Reader, budget *atomic.Int64, l limits) *wire {
	return &wire{
		conn: conn, in: in, budget: budget, limits: l,
		wake: make(chan struct{}, 1), done: make(chan struct{}), pieces: make(map[uint64][]byte),
	}
}

// send queues a frame; it never waits. An error means that nothing of it will be
// written.
func (w *wire) send(f *frame) error {
	size := int64(len(f.body))
	if size > w.limits.message {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, size, w.limits.message)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if w.queued+size > w.limits.queue || w.budget.Load()+size > w.limits.memory {
		return fmt.Errorf("%d bytes are waiting already", w.queued)
	}
	if size > pieceBytes {
		w.large = append(w.large, &message{head: *f, rest: f.body})
		w.holdLocked(size)
	} else {
		before := len(w.small)
		w.small = appendFrame(w.small, f)
		w.holdLocked(int64(len(w.small) - before))
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return nil
}

func (w *wire) holdLocked(n int64) {
	w.queued += n
	w.budget.Add(n)
}

// write is the writer's loop: whatever is ready goes in one write, and of each
// large message one piece at a time. First it lets those run who are about to send: to
// enter the kernel, and to be woken by it, costs more than most of what is sent.
func (w *wire) write() {
	var buffer []byte
	for {
		select {
		case <-w.wake:
			runtime.Gosched()
		case <-w.done:
			return
		}
		for {
			buffer = w.gather(buffer[:0])
			if len(buffer) == 0 {
				break
			}
			if _, err := w.conn.Write(buffer); err != nil {
				w.end(err)
				return
			}
		}
		if cap(buffer) > 4*pieceBytes {
			buffer = nil // one burst should not stay in memory
		}
	}
}

// gather takes what is to be written next.
func (w *wire) gather(buffer []byte) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.large) == 0 { // the common case: swap the buffers
		taken := w.small
		w.small = buffer
		w.holdLocked(-int64(len(taken)))
		return taken
	}
	buffer = append(buffer, w.small...)
	w.holdLocked(-int64(len(w.small)))
	w.small = w.small[:0]
	m := w.large[0]
	w.large = w.large[1:]
	if len(m.rest) > pieceBytes {
		buffer = appendFrame(buffer, &frame{kind: kindPiece, id: m.head.id, body: m.rest[:pieceBytes]})
		m.rest = m.rest[pieceBytes:]
		w.holdLocked(-pieceBytes)
		w.large = append(w.large, m)
		return buffer
	}
	w.holdLocked(-int64(len(m.rest)))
	m.head.body = m.rest
	return appendFrame(buffer, &m.head)
}

// read returns the next whole message. What it holds of the endpoint's memory is
// the caller's to give back.
func (w *wire) read() (frame, error) {
	for {
		b, err := readFrame(w.in)
		if err != nil {
			return frame{}, err
		}
		f, err := decodeFrame(b)
		if err != nil {
			return frame{}, err
		}
		w.frames.Add(1)
		held := w.pieces[f.id]
		size := int64(len(held) + len(f.body))
		switch {
		case held != nil && size > w.limits.message:
			return frame{}, fmt.Errorf("%w: pieces of more than %d bytes", errFrame, w.limits.message)
		case f.kind != kindPiece:
			if held != nil {
				delete(w.pieces, f.id)
				f.body, f.held = append(held, f.body...), int64(len(held))
				w.partial -= f.held
			}
			return f, nil
		case w.partial+pieceBytes > w.limits.memory/2, w.budget.Load()+pieceBytes > w.limits.memory:
			return frame{}, errMemory // half of it at most goes to one connection
		}
		w.pieces[f.id] = append(held, f.body...)
		w.partial += pieceBytes
		w.budget.Add(pieceBytes)
	}
}

// end closes the connection for a reason; the first one stays.
func (w *wire) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	w.err = err
	close(w.done)
	_ = w.conn.Close() // it is over either way
	w.holdLocked(-w.queued)
	w.small, w.large = nil, nil
}

// forget releases what the read loop held; it is called when that loop ends.
func (w *wire) forget() {
	w.budget.Add(-w.partial)
	w.pieces, w.partial = nil, 0
}

// reason is why the connection ended.
func (w *wire) reason() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
