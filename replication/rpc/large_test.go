package rpc

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/hengedb/henge/replication/rpc/memnet"
)

// large is 16 MiB that no shift of a piece leaves alike.
func large() []byte {
	b := make([]byte, 16<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

func TestALargeObjectTravelsInPiecesBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		want := large()
		for _, size := range []int{len(want), pieceBytes, pieceBytes + 1, 2 * pieceBytes, 0} {
			got, err := a.Call(t.Context(), b.target(), Call{Method: methodEcho, Class: Bulk, Body: want[:size]})
			if err != nil || !bytes.Equal(got, want[:size]) {
				t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
			}
		}
		if held := a.Counters().Held + b.Counters().Held; held != 0 {
			t.Errorf("%d bytes are held in the end", held)
		}
	})
}

// A small call that comes behind 16 MiB on one connection passes between the
// pieces; on a connection of its own it has nothing to wait for at all.
func TestSmallCallsDoNotWaitBehindALargeObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a := newNode(t, n, "a", 1, nil)
		wires, target := acceptor(t, n, "b", Hello{Node: 2})
		replies := make(chan Reply, 3)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a.Start(ctx, target, Call{Method: methodEcho, Class: Bulk, Body: large()}, 0, replies)
		bulk := <-wires
		synctest.Wait() // nobody reads it: the window is full
		a.Start(ctx, target, Call{Method: methodEcho, Class: Bulk, Body: []byte("beside")}, 1, replies)
		a.Start(ctx, target, Call{Method: methodEcho, Class: Small, Body: []byte("small")}, 2, replies)
		if f, err := (<-wires).read(); err != nil || string(f.body) != "small" {
			t.Fatalf("on the other connection: %+v, %v", f.kind, err)
		}
		for pieces := 0; ; pieces++ {
			b, err := readFrame(bulk.in)
			if err != nil {
				t.Fatal(err)
			}
			f, err := decodeFrame(b)
			if err != nil {
				t.Fatal(err)
			}
			if f.kind == kindCall {
				if string(f.body) != "beside" || pieces > 8 {
					t.Errorf("after %d pieces came a call of %d bytes, want the small one soon", pieces, len(f.body))
				}
				return
			}
		}
	})
}

// Two large messages share the line piece by piece.
func TestLargeMessagesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a := newNode(t, n, "a", 1, nil)
		wires, target := acceptor(t, n, "b", Hello{Node: 2})
		replies := make(chan Reply, 2)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a.Start(ctx, target, Call{Method: methodEcho, Class: Bulk, Body: large()}, 0, replies)
		w := <-wires
		a.Start(ctx, target, Call{Method: methodEcho, Class: Bulk, Body: make([]byte, 3*pieceBytes)}, 1, replies)
		f, err := w.read()
		if err != nil || len(f.body) != 3*pieceBytes {
			t.Fatalf("first whole message: %d bytes, %v; want the shorter one", len(f.body), err)
		}
		if f, err = w.read(); err != nil || len(f.body) != 16<<20 {
			t.Errorf("second: %d bytes, %v", len(f.body), err)
		}
	})
}
