package rpc

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/hengedb/henge/replication/rpc/memnet"
)

// A bubble ends only when every goroutine in it has, so these tests also show that
// none is left behind.
func TestCloseAnswersEveryCallAndJoinsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		replies := make(chan Reply, 3)
		a.Start(t.Context(), b.target(), Call{Method: methodHang}, 0, replies)
		a.Start(t.Context(), b.target(), Call{Method: methodHang, Class: Bulk, Body: make([]byte, 1<<20)}, 1, replies)
		synctest.Wait()
		n.Cut("a", "c")
		a.Start(t.Context(), Target{ID: 3, Addr: "c:1"}, Call{Method: methodEcho}, 2, replies) // waits for a dial
		synctest.Wait()
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		for range 3 {
			if r := <-replies; !errors.Is(r.Err, ErrClosed) {
				t.Errorf("call %d: %v, want ErrClosed", r.Tag, r.Err)
			}
		}
		if err := a.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		if _, err := a.Call(t.Context(), b.target(), Call{Method: methodEcho}); !errors.Is(err, ErrClosed) {
			t.Errorf("a call afterwards: %v", err)
		}
		for range 2 { // the peer sees the connection end
			if cause := <-b.hung; !errors.Is(cause, context.Canceled) {
				t.Errorf("a handler's context ended with %v", cause)
			}
		}
		l, err := n.Host("a").Listen("a:1")
		if err != nil {
			t.Fatalf("the address is not free: %v", err)
		}
		a.Serve(l)
		if _, err := n.Host("b").Dial(t.Context(), "a:1"); err == nil {
			t.Error("a closed endpoint listens")
		}
	})
}

func TestCloseEndsHandlersAndWhoHasNotSaidHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		replies := make(chan Reply, 1)
		a.Start(t.Context(), b.target(), Call{Method: methodHang}, 0, replies)
		if _, err := n.Host("silent").Dial(t.Context(), "b:1"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if len(b.hung) != 1 {
			t.Error("Close did not wait for a handler")
		}
		if r := <-replies; !errors.Is(r.Err, ErrBroken) {
			t.Errorf("the call: %v", r.Err)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("an endpoint that cannot say who it is")
	}
}
