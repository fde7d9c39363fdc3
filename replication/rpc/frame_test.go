package rpc

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// samples are frames with something in every field.
func samples() map[string]frame {
	return map[string]frame{
		"call": {
			kind: kindCall, id: 300, method: 3, timeout: 1500 * time.Microsecond, document: 17, trace: "00-ab-cd-01", body: []byte("body"),
		},
		"bare call": {kind: kindCall, id: 1, method: 1},
		"answer":    {kind: kindAnswer, id: 300, body: []byte("body")},
		"error":     {kind: kindError, id: 300, code: CodeOverload, body: []byte("too many")},
	}
}

func TestEncodingsStay(t *testing.T) {
	welcome, refusal := "", "node a belongs to another cluster"
	got := map[string][]byte{}
	for name, f := range samples() {
		got[name] = appendFrame(nil, &f)
	}
	hello := Hello{Node: 0xfedcba9876543210, Nonce: 1<<63 + 1, Name: "n1", Cluster: "c", Document: 5}
	for name, verdict := range map[string]*string{"dialer's preface": nil, "welcome": &welcome, "refusal": &refusal} {
		var b bytes.Buffer
		if err := writeHello(&b, hello, verdict); err != nil {
			t.Fatal(err)
		}
		got[name] = b.Bytes()
	}
	golden, err := os.ReadFile("testdata/encodings.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(golden)) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), ": ")
		want[name] = text
	}
	for name, b := range got {
		if text := hex.EncodeToString(b); text != want[name] {
			t.Errorf("%s: %s, want %s", name, text, want[name])
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d golden lines, want %d", len(want), len(got))
	}
}

func TestAFrameIsReadAsItWasWritten(t *testing.T) {
	for name, want := range samples() {
		t.Run(name, func(t *testing.T) {
			b := appendFrame(nil, &want)
			got, err := decodeFrame(b[4:])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(frame{}), cmp.Transformer("text", func(b []byte) string { return string(b) })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAShortDeadlineIsNotNone(t *testing.T) {
	b := appendFrame(nil, &frame{kind: kindCall, id: 1, timeout: time.Nanosecond})
	if f, err := decodeFrame(b[4:]); err != nil || f.timeout != time.Microsecond {
		t.Errorf("a nanosecond arrived as %v, %v", f.timeout, err)
	}
}

func FuzzDecodeFrame(f *testing.F) {
	for _, sample := range samples() {
		f.Add(appendFrame(nil, &sample)[4:])
	}
	f.Add([]byte{byte(kindPiece), 1})
	f.Add([]byte{byte(kindCall), 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeFrame(b)
		if err != nil {
			return
		}
		again, err := decodeFrame(appendFrame(nil, &got)[4:])
		if err != nil {
			t.Fatalf("decode of what was encoded: %v", err)
		}
		if diff := cmp.Diff(got, again, cmp.AllowUnexported(frame{}), cmp.Transformer("text", func(b []byte) string { return string(b) })); diff != "" {
			t.Errorf("decode(encode(x)) (-want +got):\n%s", diff)
		}
	})
}

// Whatever a peer sends, reading it ends, holds no more than the bounds, and gives
// all of it back.
func FuzzReadMessages(f *testing.F) {
	piece := appendFrame(nil, &frame{kind: kindPiece, id: 1, body: make([]byte, pieceBytes)})
	f.Add(appendFrame(piece, &frame{kind: kindAnswer, id: 1, body: []byte("rest")}))
	f.Add(appendFrame(nil, &frame{kind: kindCall, id: 2, body: []byte("x")}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var budget atomic.Int64
		l := limits{message: 3 * pieceBytes, queue: 1 << 20, memory: 8 * pieceBytes}
		w := newWire(nil, bufio.NewReader(bytes.NewReader(b)), &budget, l)
		for {
			got, err := w.read()
			if err != nil {
				break
			}
			if int64(len(got.body)) > l.message || budget.Load() > l.memory {
				t.Errorf("a message of %d bytes, %d held", len(got.body), budget.Load())
			}
			budget.Add(-got.held)
		}
		w.forget()
		if held := budget.Load(); held != 0 {
			t.Errorf("%d bytes are held in the end", held)
		}
	})
}

func FuzzReadHello(f *testing.F) {
	for _, h := range []Hello{{}, {Node: 1, Nonce: 2, Name: "n", Cluster: "c", Document: 3}} {
		var b bytes.Buffer
		if err := writeHello(&b, h, nil); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte("HENGE\x01\x12{\"node\":1,\"new\":[]}")) // a field of a later version
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHello(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeHello(&again, h, nil); err != nil {
			t.Fatalf("write %+v: %v", h, err)
		}
		if got, err := readHello(bufio.NewReader(&again)); err == nil && got != h {
			t.Errorf("read %+v, want %+v", got, h)
		}
	})
}
