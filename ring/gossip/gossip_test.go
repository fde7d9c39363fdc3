package gossip

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/memberlist"

	"github.com/hengedb/henge/ring"
)

func TestProcessesFindEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.form(3)
		for i, g := range w.open {
			var want []ring.Peer
			for j := 1; j <= 3; j++ {
				p := process(j)
				p.Gossip = address(j)
				want = append(want, p)
			}
			if diff := cmp.Diff(want, g.Peers()); diff != "" {
				t.Errorf("%d sees (-want +got):\n%s", i, diff)
			}
			if g.Addr() != address(i) || g.Malformed() != 0 {
				t.Errorf("%d is at %s and met %d malformed", i, g.Addr(), g.Malformed())
			}
		}
	})
}

// TestTogetherMeansAtOnce: nodes that are started together, seeds last, are not to wait
// for the pause of a loop that watches a healthy cluster.
func TestTogetherMeansAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start(3)
		w.start(2)
		time.Sleep(time.Second / 4)
		w.start(1)
		w.within(time.Second, "the seed is found", func() bool {
			return strings.HasPrefix(w.sees(2), "n1 n2") && strings.HasPrefix(w.sees(3), "n1") && strings.HasSuffix(w.sees(3), "n3")
		})
	})
}

func TestGoodbyeIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.form(3)
		begin := time.Now()
		w.close(2)
		if took := time.Since(begin); took > leaveWithin {
			t.Errorf("the goodbye took %v", took)
		}
		w.within(time.Second, "the others know", func() bool { return w.allSee(2) })
	})
}

func TestDeathIsNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		profile Profile
		within  time.Duration
	}{"on one machine": {Local, 6 * time.Second}, "in a network": {LAN, 30 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.form(5, func(o *Options) { o.Profile = c.profile })
				w.kill(5)
				took := w.within(c.within, "the others know", func() bool { return w.allSee(4) })
				t.Logf("noticed after %v", took)
			})
		})
	}
}

// TestRestart: a node comes back under its id, with a nonce of its new start, while the
// others still take its earlier process for alive.
func TestRestart(t *testing.T) {
	for name, bind := range map[string]string{"at its address": address(3), "at another address": address(9)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.form(3)
				w.kill(3)
				w.start(3, func(o *Options) { o.Self.Nonce, o.Bind = 77, bind })
				w.within(2*time.Second, "the new process is seen", func() bool {
					return slices.ContainsFunc(w.open[1].Peers(), func(p ring.Peer) bool { return p.ID == 3 && p.Nonce == 77 && p.Gossip == bind })
				})
				w.within(time.Minute, "the earlier one is forgotten", func() bool { return w.allSee(3) })
				for range 60 {
					time.Sleep(time.Second)
					if got := w.sees(1); got != "n1 n2 n3" {
						t.Fatalf("1 sees %s", got)
					}
				}
			})
		})
	}
}

func TestTwoLiveProcessesOfOneIDAreBothListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.form(3)
		w.start(4, func(o *Options) { o.Self.ID, o.Self.Nonce = 3, 5 })
		w.within(5*time.Second, "all see both", func() bool { return w.allSee(4) })
		time.Sleep(5 * time.Minute)
		for i, g := range w.open {
			var nonces []uint64
			for _, p := range g.Peers() {
				if p.ID == 3 {
					nonces = append(nonces, p.Nonce)
				}
			}
			if !slices.Equal(nonces, []uint64{5, 1003}) {
				t.Errorf("%d sees processes %v of node 3, want both, by nonce", i, nonces)
			}
		}
	})
}

func TestAnnouncementsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.form(3)
		var calls atomic.Int64
		w.open[3].Subscribe(func() { calls.Add(1) })
		self := process(1)
		self.Cluster, self.Leaving = strings.Repeat("ab", 16), true
		for v := range uint64(3) {
			self.Doc = ring.Name{Era: ring.Era{Number: 1, Random: 1 << 63}, Version: 7 + v, Hash: ring.Hash{1, 2, 15: 9}}
			w.open[1].Announce(self)
		}
		self.Gossip = address(1)
		w.within(2*time.Second, "all know the last of them", func() bool {
			return !slices.ContainsFunc([]int{1, 2, 3}, func(i int) bool { return w.open[i].Peers()[0] != self })
		})
		if calls.Load() == 0 {
			t.Error("the subscriber was not called")
		}
		self.Name = strings.Repeat("x", 256)
		w.open[1].Announce(self)
		time.Sleep(10 * time.Second)
		if p := w.open[3].Peers()[0]; p.Name != "n1" || !slices.Contains(w.logs.all(), "cannot be announced") {
			t.Errorf("what is too long was told as %q, log %q", p.Name, w.logs.all())
		}
	})
}

// shouter is a member of memberlist that tells nonsense about itself.
type shouter struct {
	delegate
	meta []byte
}

func (s shouter) NodeMeta(int) []byte { return s.meta }

func TestMalformedMetadataIsCountedAndNotListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.form(2)
		c := memberlist.DefaultLANConfig()
		c.Name, c.Label, c.Transport = "stranger", label, w.net.attach(address(7))
		c.Delegate, c.LogOutput, c.DNSConfigPath = shouter{meta: []byte("hello")}, t.Output(), ""
		list, err := memberlist.Create(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := list.Join([]string{address(1)}); err != nil {
			t.Fatal(err)
		}
		w.within(time.Minute, "both have met it", func() bool { return w.open[1].Malformed() > 0 && w.open[2].Malformed() > 0 })
		before := w.open[1].Malformed()
		for range 100 {
			if got := w.sees(1); got != "n1 n2" {
				t.Fatalf("1 sees %s", got)
			}
		}
		if got := w.open[1].Malformed(); got != before {
			t.Errorf("looking 100 times counted %d more", got-before)
		}
		if err := list.Shutdown(); err != nil {
			t.Error(err)
		}
	})
}

// TestPacketsAreBounded: with as much to tell as there can be, packets stay within what
// networks carry whole.
func TestPacketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.form(12, func(o *Options) {
			// Random, so that they cannot be compressed: what there is in 512 bytes.
			o.Self.Name, o.Self.Zone = random(o.Self.ID, 200), random(o.Self.ID+99, 170)
			o.Self.Cluster = strings.Repeat("ab", 16)
		})
		time.Sleep(time.Minute)
		w.net.mu.Lock()
		defer w.net.mu.Unlock()
		if w.net.largest > 1400 || w.net.largest < 500 {
			t.Errorf("the largest packet had %d bytes", w.net.largest)
		}
	})
}

func random(seed ring.NodeID, size int) string {
	rng, b := rand.New(rand.NewPCG(uint64(seed), 0)), make([]byte, size)
	for i := range b {
		b[i] = byte(' ' + rng.IntN(95))
	}
	return string(b)
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.net.move(1, address(1), address(2)) // the seeds answer nothing
		g := w.start(3)
		synctest.Wait()
		begin := time.Now()
		w.close(3)
		if took := time.Since(begin); took > dialWithin+leaveWithin {
			t.Errorf("close took %v", took)
		}
		if err := g.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("a second close: %v", err)
		}
		if peers := g.Peers(); len(peers) > 1 {
			t.Errorf("after close there are %v", peers)
		}
	})
}
