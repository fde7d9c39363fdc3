package gossip

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/ring"
)

func TestOpenRefuses(t *testing.T) {
	long := process(1)
	long.Name, long.Zone = strings.Repeat("n", 255), strings.Repeat("z", 160) // fits, but with no cluster's id beside it
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"nothing":                       {Options{}, "Self has no id\ngossip.Options: Bind is not set"},
		"an address without a port":     {Options{Self: process(1), Bind: "127.0.0.1"}, "want host:port"},
		"a port that is none":           {Options{Self: process(1), Bind: "127.0.0.1:http"}, `"http" is no port`},
		"a port that is too high":       {Options{Self: process(1), Bind: "127.0.0.1:65536"}, `"65536" is no port`},
		"a negative pause":              {Options{Self: process(1), Bind: "127.0.0.1:0", Rejoin: -time.Second}, "Rejoin is -1s"},
		"what will be too long to tell": {Options{Self: long, Bind: "127.0.0.1:0"}, "bytes too many for gossip"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := Open(c.o)
			if err == nil {
				t.Fatal("it opened", g.Close())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q", err, c.want)
			}
		})
	}
	if _, err := encodeMeta(long); err != nil {
		t.Errorf("the last case shows less than it says: %v", err)
	}
}

// TestRealNetwork has two processes meet over UDP and TCP.
func TestRealNetwork(t *testing.T) {
	open := func(i int, seeds ...string) (*Gossip, chan struct{}) {
		t.Helper()
		g, err := Open(Options{Self: process(i), Bind: "127.0.0.1:0", Seeds: seeds, Profile: Local, Rejoin: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		news := make(chan struct{}, 1)
		g.Subscribe(func() { raise(news) })
		return g, news
	}
	wait := func(what string, news chan struct{}, holds func() bool) {
		t.Helper()
		timeout := time.After(30 * time.Second)
		for !holds() {
			select {
			case <-news:
			case <-timeout:
				t.Fatalf("%s: not within 30 s", what)
			}
		}
	}
	a, newsA := open(1)
	b, newsB := open(2, a.Addr())
	see := func(g *Gossip, n int) func() bool {
		return func() bool { return len(g.Peers()) == n }
	}
	wait("1 sees 2", newsA, see(a, 2))
	wait("2 sees 1", newsB, see(b, 2))

	self := process(2)
	self.Doc = ring.Name{Version: 7}
	b.Announce(self)
	wait("1 learns of a document", newsA, func() bool { return a.Peers()[1].Doc.Version == 7 })

	_, err := Open(Options{Self: process(3), Bind: a.Addr()})
	if host, _, _ := net.SplitHostPort(a.Addr()); err == nil || !strings.Contains(err.Error(), a.Addr()) || host != "127.0.0.1" {
		t.Errorf("a port in use: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	wait("1 hears the goodbye", newsA, see(a, 1))
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
