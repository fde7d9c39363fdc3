package lab

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/ring"
)

// threeMembers joins three processes to a table that notices deaths after 5 to 10 s.
func threeMembers(t *testing.T) (n *Network, hosts []*Host, members []*Member) {
	t.Helper()
	n = NewNetwork(1)
	table := NewTable(n, 1, 5*time.Second)
	for i, name := range []string{"a", "b", "c"} {
		h := n.Host(name)
		hosts = append(hosts, h)
		members = append(members, table.Join(h, ring.Peer{ID: ring.NodeID(i + 1), Name: name, Nonce: uint64(i + 1)}))
	}
	time.Sleep(time.Second)
	return n, hosts, members
}

func names(m *Member) []string {
	var list []string
	for _, p := range m.Peers() {
		list = append(list, p.Name)
	}
	return list
}

// sees checks what a member believes.
func sees(t *testing.T, m *Member, want ...string) {
	t.Helper()
	if got := names(m); !slices.Equal(got, want) {
		t.Errorf("%s sees %v; want %v", m.self.Name, got, want)
	}
}

func TestSplitIsNoticedLateByBothSidesAndHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, members := threeMembers(t)
		var news atomic.Int64
		members[0].Subscribe(func() { news.Add(1) })
		n.Split([]string{"a", "b"}, []string{"c"})
		time.Sleep(4 * time.Second)
		sees(t, members[0], "a", "b", "c")
		time.Sleep(7 * time.Second)
		sees(t, members[0], "a", "b")
		sees(t, members[1], "a", "b")
		sees(t, members[2], "c")
		n.Heal()
		time.Sleep(3 * time.Second)
		for _, m := range members {
			sees(t, m, "a", "b", "c")
		}
		if got := news.Load(); got != 2 {
			t.Errorf("%d changes were told; want 2", got)
		}
	})
}

func TestShortSplitIsNotNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, members := threeMembers(t)
		n.Split([]string{"a", "b"}, []string{"c"})
		time.Sleep(2 * time.Second)
		n.Heal()
		for range 20 {
			time.Sleep(time.Second)
			sees(t, members[2], "a", "b", "c")
		}
	})
}

func TestDeathIsNoticedAndANewStartIsListedBesideIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, hosts, members := threeMembers(t)
		hosts[2].Kill()
		members[2].table.Join(n.Host("c"), ring.Peer{ID: 3, Name: "c2", Nonce: 33})
		time.Sleep(time.Second)
		sees(t, members[0], "a", "b", "c", "c2")
		time.Sleep(10 * time.Second)
		sees(t, members[0], "a", "b", "c2")
	})
}

func TestGoodbyeAndAnnouncementsTravelFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, members := threeMembers(t)
		members[1].Announce(ring.Peer{ID: 2, Name: "renamed", Nonce: 2})
		if err := members[2].Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		sees(t, members[0], "a", "renamed")
		sees(t, members[1], "a", "renamed")
	})
}

func TestOneWayCutIsNoticedByBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _, members := threeMembers(t)
		n.Cut("a", "b")
		time.Sleep(11 * time.Second)
		sees(t, members[0], "a", "c")
		sees(t, members[1], "b", "c")
		sees(t, members[2], "a", "b", "c")
	})
}

func TestClockSpreadsTimersAndShowsItsOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock(7)
		started := time.Now()
		fired := make(chan time.Duration, 2)
		fire := func() { fired <- time.Since(started) }
		c.AfterFunc(time.Second, fire)
		func() { c.AfterFunc(time.Second, fire) }() // another caller
		first, second := <-fired, <-fired
		if first < time.Second || second <= first || second > time.Second+timerSpread+1 {
			t.Errorf("two callers' timers fire after %v and %v; want two instants", first, second)
		}
		c.Set(time.Hour)
		if got := time.Until(c.Now()); got != time.Hour {
			t.Errorf("the clock is %v ahead; want 1h", got)
		}
		timer := c.AfterFunc(time.Minute, func() { t.Error("a stopped timer fired") })
		if !timer.Stop() || timer.Stop() {
			t.Error("Stop must report once that it stopped the timer")
		}
		time.Sleep(2 * time.Minute)
	})
}
