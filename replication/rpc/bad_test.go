package rpc

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hengedb/henge/replication/rpc/memnet"
)

func TestMalformedFramesEndTheirConnectionAndNothingElse(t *testing.T) {
	lengthOf := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for name, bytes := range map[string][]byte{
		"a frame of 4 GiB":                lengthOf(0xffffffff),
		"one byte more than a frame has":  lengthOf(maxFrame + 1),
		"an empty frame":                  lengthOf(0),
		"a frame without an id":           append(lengthOf(1), byte(kindCall)),
		"a kind that there is not":        append(lengthOf(2), 9, 1),
		"an id that does not end":         append(lengthOf(3), byte(kindAnswer), 0xff, 0xff),
		"a trace longer than its frame":   append(lengthOf(6), byte(kindCall), 1, methodByte, 0, 0, 200),
		"an error's code above 16 bits":   append(lengthOf(5), byte(kindError), 1, 0xff, 0xff, 0x7f),
		"a piece that is not full":        append(lengthOf(3), byte(kindPiece), 1, 'x'),
		"an empty piece":                  append(lengthOf(2), byte(kindPiece), 1),
		"an answer to the side that asks": appendFrame(nil, &frame{kind: kindAnswer, id: 1}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
				replies := make(chan Reply, 1)
				a.Start(t.Context(), b.target(), Call{Method: methodGate}, 0, replies)
				conn, in := stranger(t, n, b)
				if _, err := conn.Write(bytes); err != nil {
					t.Fatal(err)
				}
				if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
					t.Errorf("the connection goes on: %v", err)
				}
				synctest.Wait()
				if c := b.Counters(); c.Malformed != 1 || !strings.Contains(b.log.String(), "malformed frame") {
					t.Errorf("counted %d, logged %q", c.Malformed, b.log.String())
				}
				mustEcho(t, a, b)
				close(b.gate)
				if r := <-replies; r.Err != nil {
					t.Errorf("a call of somebody else: %v", r.Err)
				}
			})
		})
	}
}

const methodByte = byte(methodEcho)

func TestMalformedAnswersEndTheirConnection(t *testing.T) {
	for name, bytes := range map[string][]byte{
		"a call from the side that serves": appendFrame(nil, &frame{kind: kindCall, id: 1}),
		"a frame of 4 GiB":                 {0xff, 0xff, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
				wires, target := acceptor(t, n, "bad", Hello{Node: 9})
				replies := make(chan Reply, 1)
				a.Start(t.Context(), target, Call{Method: methodEcho}, 0, replies)
				if _, err := (<-wires).conn.Write(bytes); err != nil {
					t.Fatal(err)
				}
				if r := <-replies; !errors.Is(r.Err, ErrBroken) {
					t.Errorf("the call: %v", r.Err)
				}
				if c := a.Counters(); c.Malformed != 1 || !strings.Contains(a.log.String(), "malformed frame") {
					t.Errorf("counted %d, logged %q", c.Malformed, a.log.String())
				}
				mustEcho(t, a, b)
			})
		})
	}
}

func TestEndlessPiecesCostBoundedMemory(t *testing.T) {
	for name, tc := range map[string]struct {
		id        func(i int) uint64
		malformed int64
		most      int64
	}{
		"of one message":      {func(int) uint64 { return 1 }, 1, 1 << 20},
		"of endless messages": {func(i int) uint64 { return uint64(i) }, 0, 4 << 20}, //nolint:gosec // not negative
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				a := newNode(t, n, "a", 1, nil)
				b := newNode(t, n, "b", 2, func(o *Options) { o.MaxMessage, o.MaxMemory = 1<<20, 8<<20 })
				conn, _ := stranger(t, n, b)
				var err error
				var most int64
				sent := 0
				for ; err == nil && sent < 1000; sent++ {
					_, err = conn.Write(appendFrame(nil, &frame{kind: kindPiece, id: tc.id(sent), body: make([]byte, pieceBytes)}))
					synctest.Wait()
					most = max(most, b.Counters().Held)
				}
				if err == nil || most > tc.most {
					t.Errorf("%d pieces were taken, %d bytes held; want at most %d", sent, most, tc.most)
				}
				if c := b.Counters(); c.Held != 0 || c.Malformed != tc.malformed {
					t.Errorf("%d bytes are held in the end, %d counted as malformed; want 0 and %d", c.Held, c.Malformed, tc.malformed)
				}
				mustEcho(t, a, b)
			})
		})
	}
}

// What is handled still counts as memory: a slow handler is no way round the bound.
func TestLargeCallsAtWorkCountAsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a := newNode(t, n, "a", 1, nil)
		b := newNode(t, n, "b", 2, func(o *Options) { o.MaxMemory = 8 << 20 })
		replies := make(chan Reply, 20)
		for i := range 20 {
			a.Start(t.Context(), b.target(), Call{Method: methodGate, Body: make([]byte, 1<<20)}, i, replies)
			synctest.Wait()
			if held := b.Counters().Held; held > 8<<20 {
				t.Fatalf("%d bytes are held, want at most 8 MiB", held)
			}
		}
		close(b.gate)
		for range 20 {
			<-replies
		}
		if held := b.Counters().Held; held != 0 {
			t.Errorf("%d bytes are held in the end", held)
		}
	})
}
