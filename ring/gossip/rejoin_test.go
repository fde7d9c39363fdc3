package gossip

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
)

// split has two of five processes see only each other for so long.
func (w *world) split(d time.Duration) {
	w.Helper()
	w.net.move(1, address(1), address(2))
	time.Sleep(d)
	if w.sees(1) != "n1 n2" || w.sees(3) != "n3 n4 n5" {
		w.Fatalf("after %v 1 sees %s and 3 sees %s", d, w.sees(1), w.sees(3))
	}
	w.net.move(0, address(1), address(2))
}

// TestSplitHeals: memberlist forgets the dead after GossipToTheDeadTime, 30 s; the loop
// must not.
func TestSplitHeals(t *testing.T) {
	for _, d := range []time.Duration{45 * time.Second, 5 * time.Minute, 30 * time.Minute} {
		t.Run(d.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.form(5, func(o *Options) { o.Seeds = []string{address(1)} })
				w.split(d)
				took := w.within(time.Minute, "all see all", func() bool { return w.allSee(5) })
				t.Logf("merged %v after the split's end", took)
			})
		})
	}
}

// TestSplitHealsWithoutSeeds: the seed is gone for good; members were seen before.
func TestSplitHealsWithoutSeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.form(5, func(o *Options) { o.Seeds = []string{address(1)} })
		w.close(1)
		w.net.move(1, address(2), address(3))
		time.Sleep(5 * time.Minute)
		if w.sees(2) != "n2 n3" || w.sees(4) != "n4 n5" {
			t.Fatalf("2 sees %s and 4 sees %s", w.sees(2), w.sees(4))
		}
		w.net.move(0, address(2), address(3))
		w.within(time.Minute, "all see all", func() bool { return w.allSee(4) })
	})
}

// TestWithoutTheLoopASplitStays shows that it is the loop that heals.
func TestWithoutTheLoopASplitStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := 1; i <= 5; i++ {
			w.start(i, func(o *Options) { o.Rejoin = 1000 * time.Hour })
			time.Sleep(time.Second)
		}
		w.within(time.Minute, "all find all", func() bool { return w.allSee(5) })
		w.split(5 * time.Minute)
		time.Sleep(10 * time.Minute)
		if w.allSee(5) {
			t.Error("memberlist healed the split: is the loop needed?")
		}
	})
}

// TestMassRestartAtNewAddresses: only what the store remembered leads back.
func TestMassRestartAtNewAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		known := func() []string { return []string{address(3), address(104)} }
		for i := 3; i <= 5; i++ { // the seeds are gone for good
			w.start(i, func(o *Options) { o.Bind, o.Known = address(100+i), known })
		}
		w.within(time.Minute, "all find all", func() bool { return w.allSee(3) })
	})
}

// TestDeadAddressesDoNotHoldUpTheLiving: of many addresses that answer nothing, each
// taking its two seconds, one is alive.
func TestDeadAddressesDoNotHoldUpTheLiving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var known []string
		for i := range 200 {
			known = append(known, fmt.Sprintf("10.1.0.%d:7422", i))
		}
		w.net.move(1, known...)
		w.start(4, func(o *Options) { o.Seeds = nil })
		w.start(5, func(o *Options) {
			o.Seeds = known[:100]
			o.Known = func() []string { return append(slices.Clone(known[100:]), address(4)) }
		})
		took := w.within(10*time.Minute, "it is found", func() bool { return w.allSee(2) })
		t.Logf("found after %v", took)
	})
}

func TestHealthyClusterIsNotDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.form(5)
		w.net.dialled()
		time.Sleep(10 * time.Minute)
		// Memberlist itself exchanges states every 30 s, of which five members make 100.
		total := 0
		for n := range maps.Values(w.net.dialled()) {
			total += n
		}
		if total > 110 {
			t.Errorf("%d dials in ten minutes", total)
		}
	})
}

// TestLoneNodeIsQuiet: it tries on for ever and says so once.
func TestLoneNodeIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start(3)
		time.Sleep(time.Hour)
		if got := w.logs.all(); !slices.Equal(got, []string{"no seed answers; trying on"}) {
			t.Errorf("in an hour it said %q", got)
		}
		if dials := w.net.dialled(); dials[address(1)] < 3600 {
			t.Errorf("in an hour it tried %v", dials)
		}
		w.start(1)
		w.within(2*time.Second, "it finds its seed", func() bool { return w.allSee(2) })
	})
}

func TestDraw(t *testing.T) {
	g := &Gossip{o: Options{}}
	g.o.EnsureDefaults()
	var addrs []string
	for i := range 20 {
		addrs = append(addrs, address(i), address(i))
	}
	drawn := map[string]int{}
	for range 1000 {
		got := g.draw(slices.Clone(addrs), map[string]bool{address(0): true})
		for _, addr := range got {
			drawn[addr]++
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != maxTried {
			t.Fatalf("drew %v", got)
		}
	}
	for i := range 20 { // 421 of 1,000 each
		if n := drawn[address(i)]; (i == 0) != (n == 0) || (i > 0 && (n < 300 || n > 550)) {
			t.Errorf("%s was drawn %d times", address(i), n)
		}
	}
}

// TestRememberedAddressesAreBounded: in a cluster whose processes come back elsewhere
// for years, the newest addresses are remembered.
func TestRememberedAddressesAreBounded(t *testing.T) {
	g := &Gossip{members: map[string]member{}, once: map[string]bool{}, changed: make(chan struct{}, 1), log: slog.New(slog.DiscardHandler)}
	for i := range 2 * maxOnce {
		n := &memberlist.Node{Name: "n", Addr: net.IPv4(10, 0, byte(i>>8), byte(i)), Port: 7422}
		g.note(n)
		if len(g.once) > maxOnce || !g.once[n.Address()] {
			t.Fatalf("%d are remembered, the last one: %v", len(g.once), g.once[n.Address()])
		}
	}
	delegate{g}.NotifyLeave(&memberlist.Node{Name: "n"})
	if len(g.members) != 0 || len(g.once) != maxOnce {
		t.Errorf("%d members, %d remembered", len(g.members), len(g.once))
	}
}
