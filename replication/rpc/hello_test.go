package rpc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/rpc/memnet"
)

func TestPeersAreRefusedInASentenceThatReachesThem(t *testing.T) {
	sentence := func(h Hello) error {
		switch {
		case h.Cluster != "ours":
			return fmt.Errorf("node %s belongs to cluster %s, this one to ours", h.Name, h.Cluster)
		case h.Node == 2:
			return errors.New("another process has this node's id")
		}
		return nil
	}
	for name, tc := range map[string]struct {
		dialer Hello
		want   string
	}{
		"of another cluster": {Hello{Node: 1, Name: "a", Cluster: "theirs"}, "node a belongs to cluster theirs, this one to ours"},
		"of the same id":     {Hello{Node: 2, Name: "a", Cluster: "ours"}, "another process has this node's id"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				a := newNode(t, n, "a", 1, func(o *Options) { o.Self = func() Hello { return tc.dialer } })
				b := newNode(t, n, "b", 2, func(o *Options) {
					o.Self = func() Hello { return Hello{Node: 2, Cluster: "ours"} }
					o.Check = sentence
				})
				_, err := a.Call(t.Context(), b.target(), Call{Method: methodEcho})
				if !errors.Is(err, ErrRefused) || !strings.HasSuffix(err.Error(), tc.want) {
					t.Errorf("the dialer is told %v, want %q", err, tc.want)
				}
				if a.Counters().Refused != 1 || b.Counters().Refused != 1 || !strings.Contains(b.log.String(), tc.want) {
					t.Errorf("counted %d and %d, logged %q", a.Counters().Refused, b.Counters().Refused, b.log.String())
				}
				// The one who dials refuses too.
				time.Sleep(retryAfter)
				a.o.Check, b.o.Check = func(Hello) error { return errors.New(tc.want) }, func(Hello) error { return nil }
				if _, err := a.Call(t.Context(), b.target(), Call{Method: methodEcho}); !errors.Is(err, ErrRefused) || !strings.HasSuffix(err.Error(), tc.want) {
					t.Errorf("the dialer's own refusal: %v, want %q", err, tc.want)
				}
			})
		})
	}
}

func TestANewerProtocolIsRefusedInASentence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		b := newNode(t, n, "b", 2, nil)
		conn, err := n.Host("new").Dial(t.Context(), "b:1")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write([]byte("HENGE\x02whatever comes then")); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(conn)
		if hello, err := readHello(in); err != nil || hello.Node != 2 {
			t.Errorf("hello %+v, %v", hello, err)
		}
		if text, err := readText(in); err != nil || !strings.Contains(string(text), "the peer speaks protocol 2, this node 1") {
			t.Errorf("verdict %q, %v", text, err)
		}
		if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("the connection goes on: %v", err)
		}
		if c := b.Counters(); c.Refused != 1 || c.Malformed != 0 {
			t.Errorf("counted %d as refused and %d as malformed", c.Refused, c.Malformed)
		}
	})
}

func TestStrangersAreShown(t *testing.T) {
	for name, tc := range map[string]struct {
		says      string
		malformed int64
	}{
		"a browser":                {"GET / HTTP/1.1\r\n\r\n", 1},
		"a hello that is no JSON":  {"HENGE\x01\x03{x}", 1},
		"a hello of 4 KiB and one": {"HENGE\x01\x81\x20", 1},
		"silence":                  {"", 0},
		"half a hello":             {"HENGE\x01\x10{", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := memnet.New()
				b := newNode(t, n, "b", 2, nil)
				conn, err := n.Host("x").Dial(t.Context(), "b:1")
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				if _, err := conn.Write([]byte(tc.says)); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadAll(conn); err != nil {
					t.Errorf("read: %v, want a clean end", err)
				}
				if c := b.Counters(); c.Malformed != tc.malformed {
					t.Errorf("%d counted as malformed, want %d", c.Malformed, tc.malformed)
				}
			})
		})
	}
}

func TestProbeTellsWhoLivesThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		a, b := newNode(t, n, "a", 1, nil), newNode(t, n, "b", 2, nil)
		if hello, err := a.Probe(t.Context(), "b:1"); err != nil || hello.Node != 2 || hello.Name != "b" {
			t.Errorf("probe: %+v, %v", hello, err)
		}
		b.o.Check = func(Hello) error { return errors.New("no") }
		if hello, err := a.Probe(t.Context(), "b:1"); !errors.Is(err, ErrRefused) || hello.Node != 2 {
			t.Errorf("probe of one that refuses: %+v, %v", hello, err)
		}
		if _, err := a.Probe(t.Context(), "c:1"); !errors.Is(err, ErrUnreachable) {
			t.Errorf("probe of nobody: %v", err)
		}
		if _, err := a.Call(t.Context(), Target{ID: 3, Addr: "b:1"}, Call{Method: methodEcho}); !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrRefused) {
			t.Errorf("a call to another node's address: %v", err)
		}
	})
}
