package rpc

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/rpc/memnet"
)

func TestADeathIsToldAtOnceAndWhetherTheCallWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		started := time.Now()
		replies := make(chan Reply, 3)
		for i := range 3 {
			a.Start(t.Context(), b.target(), Call{Method: methodHang}, i, replies)
		}
		synctest.Wait()
		n.Kill("b")
		for range 3 {
			if r := <-replies; !errors.Is(r.Err, ErrBroken) || errors.Is(r.Err, ErrUnreachable) {
				t.Errorf("a call on its way: %v, want that it may have been seen", r.Err)
			}
		}
		for range 2 {
			if _, err := a.Call(t.Context(), b.target(), Call{Method: methodEcho}); !errors.Is(err, ErrUnreachable) {
				t.Errorf("a call after the death: %v, want that nothing was sent", err)
			}
		}
		if took := time.Since(started); took > 0 {
			t.Errorf("all that took %v", took)
		}
		if dials := a.Counters().Dials; dials != 2 {
			t.Errorf("%d dials, want one before the death and one after it", dials)
		}
		if failed := a.Counters().DialsFailed; failed != 1 {
			t.Errorf("%d dials failed, want 1", failed)
		}
		again, err := n.Host("b").Listen("b:1")
		if err != nil {
			t.Fatal(err)
		}
		b.Serve(again)
		time.Sleep(retryAfter)
		mustEcho(t, a, b)
	})
}

func TestCallsThatWaitForADialFailWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		n.Cut("a", "b")
		ctx, cancel := context.WithTimeout(t.Context(), dialWithin/2)
		defer cancel()
		if _, err := a.Call(ctx, b.target(), Call{Method: methodEcho}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call that gave up before the dial: %v", err)
		}
		started := time.Now()
		if _, err := a.Call(t.Context(), b.target(), Call{Method: methodEcho}); !errors.Is(err, ErrUnreachable) || time.Since(started) != dialWithin/2 {
			t.Errorf("a call that waited for the dial: %v after %v", err, time.Since(started))
		}
		if _, err := a.Call(t.Context(), Target{ID: 5}, Call{}); !errors.Is(err, ErrUnreachable) {
			t.Errorf("a node without an address: %v", err)
		}
	})
}

// A connection has ended, and its reader has not come to see it: a call that begins
// then goes over the next one, for nothing of it was sent.
func TestACallAfterTheEndOfAConnectionGoesOverTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		for range 200 {
			mustEcho(t, a, b)
			l, err := a.link(b.target(), Small)
			if err != nil {
				t.Fatal(err)
			}
			l.mu.Lock()
			w := l.wire
			l.mu.Unlock()
			w.end(errStalled)
			mustEcho(t, a, b)
		}
	})
}

func TestAConnectionOnWhichNothingComesIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		mustEcho(t, a, b)
		time.Sleep(time.Hour) // idle, and no reason to end
		mustEcho(t, a, b)
		if dials := a.Counters().Dials; dials != 1 {
			t.Fatalf("%d dials, want 1", dials)
		}
		try := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := a.Call(ctx, b.target(), Call{Method: methodEcho})
			return err
		}
		n.Cut("a", "b")
		for cut := time.Now(); time.Since(cut) < stallAfter; {
			if err := try(); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("through a cut: %v", err)
			}
		}
		if err := try(); err == nil {
			t.Fatal("answered through a cut")
		}
		if dials := a.Counters().Dials; dials != 1 {
			t.Errorf("%d dials before the connection ended, want 1", dials)
		}
		synctest.Wait()
		n.Mend("a", "b")
		if err := try(); err != nil || a.Counters().Dials != 2 {
			t.Errorf("after the cut: %v, %d dials, want a new connection", err, a.Counters().Dials)
		}
		// A slow handler is no silence, as long as others are answered.
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, _ = a.Call(ctx, b.target(), Call{Method: methodHang})
			cancel()
			mustEcho(t, a, b)
		}
		if dials := a.Counters().Dials; dials != 2 {
			t.Errorf("%d dials, want 2", dials)
		}
	})
}

func TestAPeerThatDoesNotReadHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a := newNode(t, n, "a", 1, func(o *Options) { o.MaxQueue = 4 << 20 })
		b, c := newNode(t, n, "b", 2, nil), newNode(t, n, "c", 3, nil)
		mustEcho(t, a, b)
		n.Cut("a", "b")
		const calls = 100
		replies := make(chan Reply, calls)
		for i := range calls {
			a.Start(t.Context(), b.target(), Call{Method: methodEcho, Body: make([]byte, pieceBytes)}, i, replies)
			mustEcho(t, a, c)
		}
		refused := len(replies)
		if held := a.Counters().Held; refused == 0 || held > 4<<20 {
			t.Errorf("%d calls were refused with %d bytes waiting, want at most 4 MiB", refused, held)
		}
		for range refused {
			if r := <-replies; !errors.Is(r.Err, ErrUnreachable) {
				t.Errorf("a call above the bound: %v", r.Err)
			}
		}
		n.Mend("a", "b")
		for range calls - refused {
			if r := <-replies; r.Err != nil {
				t.Errorf("a call that waited: %v", r.Err)
			}
		}
		synctest.Wait()
		if held := a.Counters().Held; held != 0 {
			t.Errorf("%d bytes are held in the end", held)
		}
	})
}

func TestACallerThatDoesNotReadItsAnswersIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a := newNode(t, n, "a", 1, nil)
		b := newNode(t, n, "b", 2, func(o *Options) { o.MaxQueue = 1 << 20 })
		conn, _ := stranger(t, n, b)
		call := appendFrame(nil, &frame{kind: kindCall, id: 1, method: methodEcho, body: make([]byte, 32<<10)})
		var err error
		for i := 0; err == nil && i < 100; i++ {
			_, err = conn.Write(call)
			synctest.Wait()
		}
		if err == nil {
			t.Error("100 answers of 32 KiB wait for a peer that reads none, with a bound of 1 MiB")
		}
		synctest.Wait()
		if held := b.Counters().Held; held != 0 {
			t.Errorf("%d bytes are held for it", held)
		}
		mustEcho(t, a, b)
	})
}

// slowNetwork counts writes, each of which waits for a turn.
type slowNetwork struct {
	Network
	turn   chan struct{}
	mu     sync.Mutex
	writes int
}

type slowConn struct {
	net.Conn
	n *slowNetwork
}

func (n *slowNetwork) Dial(ctx context.Context, addr string) (net.Conn, error) {
	c, err := n.Network.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &slowConn{c, n}, nil
}

func (c *slowConn) Write(p []byte) (int, error) {
	<-c.n.turn
	c.n.mu.Lock()
	c.n.writes++
	c.n.mu.Unlock()
	return c.Conn.Write(p)
}

func TestWritesAreCoalescedWhenTheConnectionIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		slow := &slowNetwork{Network: n.Host("a"), turn: make(chan struct{})}
		a := newNode(t, n, "a", 1, func(o *Options) { o.Network = slow })
		b := newNode(t, n, "b", 2, nil)
		const calls = 1000
		replies := make(chan Reply, calls)
		for i := range calls {
			a.Start(t.Context(), b.target(), Call{Method: methodEcho, Body: []byte(strings.Repeat("x", 100))}, i, replies)
		}
		synctest.Wait()
		close(slow.turn)
		for range calls {
			if r := <-replies; r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if slow.writes > 3 { // the hello, and what queued up behind it
			t.Errorf("%d calls that queued up took %d writes", calls, slow.writes)
		}
	})
}
