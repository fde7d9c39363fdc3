package replication

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/replication/exchange"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

func TestReplicasBecomeEqualWithoutAClient(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
		o, err := p[0].store.Read(t.Context(), storage.Key{Bucket: "default", Key: key})
		if err != nil {
			t.Fatal(err)
		}
		w := causal.Write{Dot: causal.Dot{Actor: 7, Counter: 1}, Stamp: o.MaxStamp() + 1, Policy: o.Policy, Generation: o.Generation, Value: []byte("later")}
		if _, err := p[2].joinOwn(t.Context(), keyName{"default", key}, o.Put(w), storage.KindRepair); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * exchange.DefaultEvery)
		for _, n := range p {
			if got := n.holds(t, key); got != "later" {
				t.Errorf("%s holds %q", n.host, got)
			}
		}
		for _, n := range others {
			if got := n.holds(t, key); got != "" {
				t.Errorf("%s, which is no replica, holds %q", n.host, got)
			}
		}
		before := p[0].Exchange().Stats()
		time.Sleep(10 * exchange.DefaultEvery)
		for _, n := range c.nodes {
			if s := n.Exchange().Stats(); s.Failed != 0 || s.Unknown != 0 {
				t.Errorf("%s: %+v", n.host, s)
			}
		}
		after := p[0].Exchange().Stats()
		if after.Pulled != before.Pulled || after.Pushed != before.Pushed || after.Segments != before.Segments || after.Equal == before.Equal {
			t.Errorf("at rest: %+v, before %+v", after, before)
		}
	})
}

func TestWhatASlowPrimaryMissedIsShippedFirst(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		next := p[1].agent.Document().Clone()
		next.Version++
		for i := range next.Layout {
			next.Layout[i].Changed = next.Version
		}
		next, err := next.Seal()
		if err != nil || p[1].agent.Adopt(t.Context(), next.Raw()) != nil {
			t.Fatalf("a primary cannot be made to refuse: %v", err)
		}
		p[0].alone.Store(true)
		p[0].mustPut(t, key, "v", request.WriteOptions{})
		synctest.Wait()
		if d := p[0].Status(t.Context()).Dirty; d.Segments != 1 || p[1].holds(t, key) != "" {
			t.Fatalf("%+v is dirty, and the primary that refused holds %q", d, p[1].holds(t, key))
		}
		if err := p[0].agent.Adopt(t.Context(), next.Raw()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if s := p[0].Exchange().Stats(); p[1].holds(t, key) != "v" || s.Dirty != 0 || s.Served != 1 {
			t.Errorf("the primary that refused holds %q: %+v", p[1].holds(t, key), s)
		}
	})
}

func TestWhatNobodyTookAHintForIsShippedOnceThePrimaryIsBack(t *testing.T) {
	inCluster(t, 5, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		for _, n := range others {
			n.free.Store(1) // it refuses hints
		}
		time.Sleep(time.Minute)
		c.cut(p[2], c.nodes...)
		p[0].health.Failed(p[2].self, "cut") // so a fallback is asked in its place
		p[0].mustPut(t, key, "v", request.WriteOptions{})
		time.Sleep(2 * time.Second)
		for _, n := range c.nodes {
			if h := n.hint(t, key); h != nil {
				t.Fatalf("%s keeps %+v", n.host, h)
			}
		}
		if d := p[0].Exchange().Stats().Dirty; d != 1 {
			t.Fatalf("%d segments are dirty", d)
		}
		time.Sleep(time.Minute)
		c.mend(p[2], c.nodes...)
		time.Sleep(10 * time.Second)
		if s := p[0].Exchange().Stats(); p[2].holds(t, key) != "v" || s.Served != 1 {
			t.Errorf("the primary that was away holds %q: %+v", p[2].holds(t, key), s)
		}
	})
}
