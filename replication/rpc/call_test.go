package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/rpc/memnet"
)

func TestManyCallsAreOutstandingAndAnsweredInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		const calls = 200
		turns := make([]chan struct{}, calls)
		for i := range turns {
			turns[i] = make(chan struct{})
		}
		b.Handle(methodGate, Spawn, func(_ context.Context, r *Request) ([]byte, error) {
			<-turns[r.Body[0]]
			return r.Body, nil
		})
		replies := make(chan Reply, calls)
		for i := range calls {
			a.Start(t.Context(), b.target(), Call{Method: methodGate, Body: []byte{byte(i)}}, i, replies)
		}
		synctest.Wait()
		for i := calls - 1; i >= 0; i-- { // last come, first served
			close(turns[i])
			if r := <-replies; r.Err != nil || r.Tag != i || !bytes.Equal(r.Body, []byte{byte(i)}) {
				t.Fatalf("reply %+v, want that of call %d", r, i)
			}
		}
		if c := a.Counters(); c.Calls != calls || c.Dials != 1 {
			t.Errorf("%d calls over %d connections, want %d over 1", c.Calls, c.Dials, calls)
		}
	})
}

func TestManyCallersShareAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		b.Handle(methodEcho, Inline, func(_ context.Context, r *Request) ([]byte, error) { return r.Body, nil })
		var callers sync.WaitGroup
		for i := range 32 {
			callers.Go(func() {
				for k := range 50 {
					want := bytes.Repeat(fmt.Appendf(nil, "%d-%d.", i, k), 1+i*k)
					got, err := a.Call(t.Context(), b.target(), Call{Method: methodEcho, Body: want})
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
					}
				}
			})
		}
		callers.Wait()
		if held := a.Counters().Held + b.Counters().Held; held != 0 {
			t.Errorf("%d bytes are held when nothing is on its way", held)
		}
	})
}

func TestACallCarriesWhatItsHandlerNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a := newNode(t, n, "a", 1, func(o *Options) { o.Document = func() uint64 { return 17 } })
		b := newNode(t, n, "b", 2, nil)
		trace := strings.Repeat("t", maxTrace)
		if _, err := a.Call(t.Context(), b.target(), Call{Method: methodEcho, Trace: trace + "more"}); err != nil {
			t.Fatal(err)
		}
		r := <-b.seen
		if r.From != (Peer{ID: 1, Nonce: 1}) || r.Document != 17 || r.Trace != trace || r.Method != methodEcho {
			t.Errorf("the handler saw %+v", r)
		}
		var remote *RemoteError
		if _, err := a.Call(t.Context(), b.target(), Call{Method: 200}); !errors.As(err, &remote) || remote.Message != "no such method" {
			t.Errorf("an unknown method: %v", err)
		}
	})
}

func TestADeadlineHoldsOnBothSides(t *testing.T) {
	const within = 300 * time.Millisecond
	for name, tc := range map[string]struct {
		context time.Duration // 0: the caller waits for ever
		dial    time.Duration // how long the connection takes
	}{
		"the caller gives up, and so does the peer":           {context: within},
		"the peer gives up alone":                             {},
		"what a dial took is not given to the peer once more": {dial: 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
				if tc.dial > 0 {
					n.Cut("a", "b")
					time.AfterFunc(tc.dial, func() { n.Mend("a", "b") })
				}
				ctx := t.Context()
				if tc.context > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.context)
					defer cancel()
				}
				started := time.Now()
				_, err := a.Call(ctx, b.target(), Call{Method: methodHang, Within: within})
				if took := time.Since(started); took != within {
					t.Errorf("the caller waited %v, want %v", took, within)
				}
				var remote *RemoteError
				if !errors.As(err, &remote) && (tc.context == 0 || !errors.Is(err, context.DeadlineExceeded)) { // both give up at one instant
					t.Errorf("the caller got %v", err)
				}
				if cause := <-b.hung; !errors.Is(cause, context.DeadlineExceeded) || time.Since(started) != within {
					t.Errorf("the handler's context ended after %v with %v", time.Since(started), cause)
				}
			})
		})
	}
}

func TestACancelledCallEndsAtOnceAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		tired := errors.New("tired")
		ctx, cancel := context.WithCancelCause(t.Context())
		replies := make(chan Reply, 2)
		a.Start(ctx, b.target(), Call{Method: methodGate, Body: []byte("old")}, 1, replies)
		<-b.seen
		cancel(tired)
		if r := <-replies; !errors.Is(r.Err, tired) || r.Tag != 1 {
			t.Errorf("reply %+v, want the cause", r)
		}
		a.Start(ctx, b.target(), Call{Method: methodEcho}, 2, replies)
		if r := <-replies; !errors.Is(r.Err, tired) || r.Tag != 2 {
			t.Errorf("reply %+v for a call that was cancelled before it began", r)
		}
		if l := a.links[linkKey{b.target(), Small}]; len(l.calls)+len(l.waiting) > 0 {
			t.Errorf("%d calls are outstanding and %d wait", len(l.calls), len(l.waiting))
		}
		close(b.gate) // its answer comes when nobody waits for it
		synctest.Wait()
		mustEcho(t, a, b)
		if len(replies) > 0 {
			t.Errorf("a second reply: %+v", <-replies)
		}
	})
}

func TestTooManyCallsAtWorkAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a := newNode(t, n, "a", 1, nil)
		b := newNode(t, n, "b", 2, func(o *Options) { o.MaxAtWork = 2 })
		replies := make(chan Reply, 3)
		for i := range 2 {
			a.Start(t.Context(), b.target(), Call{Method: methodGate}, i, replies)
		}
		synctest.Wait()
		_, err := a.Call(t.Context(), b.target(), Call{Method: methodGate, Body: make([]byte, 3*pieceBytes)})
		var remote *RemoteError
		if !errors.As(err, &remote) || remote.Code != CodeOverload || b.Counters().Overloads != 1 {
			t.Errorf("one call too many: %v, counted %d", err, b.Counters().Overloads)
		}
		if held := b.Counters().Held; held != 0 {
			t.Errorf("%d bytes of a refused call are held", held)
		}
		mustEcho(t, a, b) // inline: it needs no place
		close(b.gate)
		for range 2 {
			if r := <-replies; r.Err != nil {
				t.Errorf("call %d: %v", r.Tag, r.Err)
			}
		}
		if _, err := a.Call(t.Context(), b.target(), Call{Method: methodGate}); err != nil {
			t.Errorf("with the places free again: %v", err)
		}
	})
}

// coded is an error that names itself to the other side.
type coded uint16

func (c coded) Error() string   { return strings.Repeat("x", 2*maxHello) }
func (c coded) RPCCode() uint16 { return uint16(c) }

func TestAHandlersErrorArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		b.Handle(9, Inline, func(context.Context, *Request) ([]byte, error) { return nil, fmt.Errorf("%w", coded(7)) })
		_, err := a.Call(t.Context(), b.target(), Call{Method: 9})
		var remote *RemoteError
		if !errors.As(err, &remote) || remote.Code != 7 || len(remote.Message) != maxHello {
			t.Errorf("got %d bytes of code %d", len(remote.Message), remote.Code)
		}
	})
}

func TestMessagesAboveTheLimitAreRefusedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, func(o *Options) { o.MaxMessage = 1 << 20 }), newNode(t, n, "b", 2, func(o *Options) { o.MaxMessage = 1 << 20 })
		b.Handle(9, Spawn, func(context.Context, *Request) ([]byte, error) { return make([]byte, 1<<20+1), nil })
		if _, err := a.Call(t.Context(), b.target(), Call{Method: methodEcho, Body: make([]byte, 1<<20+1)}); !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrUnreachable) {
			t.Errorf("a call above the limit: %v", err)
		}
		var remote *RemoteError
		if _, err := a.Call(t.Context(), b.target(), Call{Method: 9}); !errors.As(err, &remote) || !strings.Contains(remote.Message, "too large") {
			t.Errorf("an answer above the limit: %v", err)
		}
		if body, err := a.Call(t.Context(), b.target(), Call{Method: methodEcho, Body: make([]byte, 1<<20)}); err != nil || len(body) != 1<<20 {
			t.Errorf("at the limit: %d bytes, %v", len(body), err)
		}
		if dials := a.Counters().Dials; dials != 1 {
			t.Errorf("%d connections were needed, want 1", dials)
		}
	})
}
