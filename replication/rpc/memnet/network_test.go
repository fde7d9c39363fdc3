package memnet_test

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/replication/rpc/memnet"
)

var _ rpc.Network = (*memnet.Host)(nil)

// pair connects b to a.
func pair(t *testing.T, n *memnet.Network) (accepted, dialed net.Conn) {
	t.Helper()
	l, err := n.Host("a").Listen("a:1")
	if err != nil {
		t.Fatal(err)
	}
	if dialed, err = n.Host("b").Dial(t.Context(), "a:1"); err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return accepted, dialed
}

func TestBytesArriveUntilACutAndAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := pair(t, n)
		got := make(chan string)
		go func() {
			buffer := make([]byte, 16)
			for {
				size, err := a.Read(buffer)
				if err != nil {
					close(got)
					return
				}
				got <- string(buffer[:size])
			}
		}()
		_, _ = b.Write([]byte("one"))
		if text := <-got; text != "one" {
			t.Errorf("read %q", text)
		}
		n.Cut("a", "b")
		_, _ = b.Write([]byte("two"))
		select {
		case text := <-got:
			t.Errorf("read %q through a cut", text)
		case <-time.After(time.Hour):
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Host("b").Dial(ctx, "a:1"); ctx.Err() == nil {
			t.Errorf("dialed through a cut: %v", err)
		}
		n.Mend("a", "b")
		if text := <-got; text != "two" {
			t.Errorf("read %q", text)
		}
		_ = b.Close()
		if _, open := <-got; open {
			t.Error("the end was not seen")
		}
	})
}

func TestAKilledHostResetsAndRefuses(t *testing.T) {
	n := memnet.New()
	_, b := pair(t, n)
	n.Kill("a")
	if _, err := b.Read(make([]byte, 1)); err == nil || err == io.EOF { //nolint:errorlint // neither is wrapped
		t.Errorf("read: %v, want a reset", err)
	}
	if _, err := n.Host("b").Dial(t.Context(), "a:1"); err == nil {
		t.Error("a dead host answered")
	}
	if _, err := n.Host("a").Listen("a:1"); err != nil {
		t.Errorf("its address is not free: %v", err)
	}
}
