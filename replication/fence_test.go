package replication

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/replication/governor"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

func TestADiskRestoredFromAnOlderCopyIsFencedAndFilledAgain(t *testing.T) {
	d := disks{}
	inClusterOver(t, 5, d.of, func(t *testing.T, c *cluster) {
		c.shortGrace(t)
		n := c.nodes[0]
		gone, stay := c.keysOf(n, "gone", 20), c.keysOf(n, "stay", 20)
		for _, key := range slices.Concat(gone, stay) {
			c.nodes[1].mustPut(t, key, "old", request.WriteOptions{W: request.All})
		}
		older := d.copyOf(0)
		for _, key := range gone {
			if _, err := c.nodes[2].Delete(t.Context(), "default", key, request.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, key := range stay {
			c.nodes[3].mustPut(t, key, "new", request.WriteOptions{})
		}
		c.awaitReaped(t, gone...)
		doc := n.agent.Document()
		alone := c.keysOf(n, "alone", 1)[0]
		c.restore(t, d, 0, older, func(s *storage.Store) { plantOld(t, s, doc, alone, "only here") })
		n.whole(t)
		time.Sleep(5 * time.Minute)
		for _, other := range c.nodes {
			for _, key := range append(gone, alone) {
				if got := other.holds(t, key); got != "" {
					t.Errorf("%s holds %q of %s", other.host, got, key)
				}
				other.mustGet(t, key, "", request.ReadOptions{R: request.All})
			}
		}
		for _, key := range stay {
			if got := n.holds(t, key); got != "new" {
				t.Errorf("the node holds %q of %s; want it filled with what the others have", got, key)
			}
		}
		if _, _, differing, away := n.verify(t, request.VerifyOptions{}); len(differing)+len(away) != 0 {
			t.Errorf("%v differ, %v are away", differing, away)
		}
		sets, err := n.store.Asides()
		objects := int64(0)
		for _, set := range sets {
			objects += set.Objects
		}
		if err != nil || objects != int64(len(gone)+len(stay)+1) {
			t.Errorf("%d objects are set aside, %v; want all %d that the older copy had", objects, err, len(gone)+len(stay)+1)
		}
		if s := n.Fence().Stats(); s.Aside != objects || s.Refilled < int64(len(stay)) || s.Unfenced == 0 {
			t.Errorf("counted %+v; want %d set aside and %d refilled at least", s, objects, len(stay))
		}
		// Rounds go on.
		if _, err := c.nodes[2].Delete(t.Context(), "default", stay[0], request.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		c.awaitReaped(t, stay[0])
	})
}

// fencedNode is a node that was restored, and is kept from being filled: transfers are
// paused.
func fencedNode(t *testing.T, c *cluster, d disks) (n *testNode, key string) {
	t.Helper()
	c.shortGrace(t)
	n = c.nodes[0]
	keys := c.keysOf(n, "key", 60) // in all partitions that it serves, or nearly
	for _, key := range keys {
		c.nodes[1].mustPut(t, key, "old", request.WriteOptions{W: request.All})
	}
	older := d.copyOf(0)
	for _, key := range keys[1:] {
		if _, err := c.nodes[2].Delete(t.Context(), "default", key, request.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c.nodes[3].mustPut(t, keys[0], "new", request.WriteOptions{})
	c.awaitReaped(t, keys[1:]...)
	c.restore(t, d, 0, older, nil)
	n.governor.Pause(governor.Transfers)
	for range 600 {
		if time.Sleep(time.Second); n.fenced(partitionOf(c, keys[0])) {
			return n, keys[0]
		}
	}
	t.Fatal("it is not fenced after ten minutes")
	return nil, ""
}

func partitionOf(c *cluster, key string) ring.Partition {
	return storage.Key{Bucket: "default", Key: key}.Position().Partition(c.nodes[0].agent.Document().Partitions)
}

func TestAFencedReplicaCountsAsDownAndNoRequestFailsBecauseOfIt(t *testing.T) {
	d := disks{}
	inClusterOver(t, 5, d.of, func(t *testing.T, c *cluster) {
		n, key := fencedNode(t, c, d)
		for _, other := range c.nodes {
			other.mustGet(t, key, "new", request.ReadOptions{})
			other.mustGet(t, key, "new", request.ReadOptions{Strict: request.On})
			for _, o := range []request.WriteOptions{{}, {Strict: request.On}, {W: request.All}} {
				v := other.mustGet(t, key, "new", request.ReadOptions{})
				o.Context = v.Context
				receipt := other.mustPut(t, key, "new", o)
				for _, r := range receipt.Results {
					if r.Node == n.self && (r.Result == request.ResultOK || r.Result == request.ResultSame) {
						t.Errorf("%s counts the fenced node: %+v", other.host, receipt.Results)
					}
				}
			}
			if _, err := other.Get(t.Context(), "default", key, request.ReadOptions{R: request.All, Strict: request.On}); err == nil {
				t.Errorf("%s: a strict read of all three replicas is answered by two", other.host)
			}
			listed := 0
			for entry, err := range other.Scan(t.Context(), "default", request.ScanOptions{}) {
				if err != nil || entry.Key != key {
					t.Errorf("%s lists %q, %v", other.host, entry.Key, err)
				}
				listed++
			}
			if listed != 1 {
				t.Errorf("%s lists %d keys", other.host, listed)
			}
		}
		if _, _, _, away := c.nodes[1].verify(t, request.VerifyOptions{}); !slices.Contains(away, n.host) {
			t.Errorf("away for verify: %v", away)
		}
		if why := Abstains(n.store); why == "" {
			t.Error("it votes")
		}
		if alarms := strings.Join(n.Status(t.Context()).Alarms, "\n"); !strings.Contains(alarms, "older than what the others have agreed on") {
			t.Errorf("alarms: %s", alarms)
		}
		n.governor.Resume(governor.Transfers)
		n.whole(t)
		time.Sleep(3 * time.Minute) // hints and the ledger bring what it was not sent
		if got := n.holds(t, key); got != "new" {
			t.Errorf("then it holds %q", got)
		}
		if hints := c.nodes[1].store.HintStats().Count + c.nodes[4].store.HintStats().Count; hints != 0 {
			t.Errorf("%d hints are left", hints)
		}
		if alarms := n.Status(t.Context()).Alarms; len(alarms) != 0 || Abstains(n.store) != "" {
			t.Errorf("alarms after it: %v", alarms)
		}
	})
}

func TestWithNoOtherReplicaItWaitsAndSaysSo(t *testing.T) {
	d := disks{}
	inClusterOver(t, 5, d.of, func(t *testing.T, c *cluster) {
		n, key := fencedNode(t, c, d)
		for _, other := range c.nodes[1:] {
			c.cut(n, other)
			n.health.Failed(other.self, "it died")
		}
		n.governor.Resume(governor.Transfers)
		time.Sleep(3 * time.Minute)
		if !n.fenced(partitionOf(c, key)) {
			t.Fatal("it serves again, filled from nobody")
		}
		alarms := strings.Join(n.Status(t.Context()).Alarms, "\n")
		if !strings.Contains(alarms, "no other replica that is whole answers: start n") || !strings.Contains(alarms, "henge salvage open") {
			t.Errorf("alarms: %s", alarms)
		}
		for _, other := range c.nodes[1:] {
			c.mend(n, other)
		}
		n.whole(t)
		n.mustGet(t, key, "new", request.ReadOptions{R: request.All})
	})
}

// Cut short while it sets aside, and while it is filled, a node goes on where it was.
func TestARefillGoesOnAfterACrash(t *testing.T) {
	d := disks{}
	inClusterOver(t, 5, d.of, func(t *testing.T, c *cluster) {
		c.shortGrace(t)
		n := c.nodes[0]
		const pages = 1500 // several pieces, in one partition
		p := partitionOf(c, c.keysOf(n, "key", 1)[0])
		var keys []string
		for i := 0; len(keys) < pages; i++ {
			if key := fmt.Sprintf("key-%d", i); partitionOf(c, key) == p {
				keys = append(keys, key)
			}
		}
		for _, key := range keys {
			c.nodes[1].mustPut(t, key, "old", request.WriteOptions{W: request.All})
		}
		older := d.copyOf(0)
		if _, err := c.nodes[2].Delete(t.Context(), "default", keys[0], request.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		c.awaitReaped(t, keys[0])
		crashes := map[string]bool{}
		c.restore(t, d, 0, older, nil)
		n.governor.SetBudget(20 << 10)
		for range 3000 {
			time.Sleep(100 * time.Millisecond)
			for _, s := range n.Fence().States() {
				was := string(s.Step)
				if s.Partition != p || crashes[was] || s.Step == "" || s.Aside+s.Refilled == 0 || s.Step == "refill" && s.Refilled == 0 {
					continue
				}
				crashes[was] = true
				c.restore(t, d, 0, d.copyOf(0), nil)
				n.governor.SetBudget(20 << 10)
			}
			if len(crashes) > 0 && len(n.store.Fenced()) == 0 {
				break
			}
		}
		if !crashes["set aside"] || !crashes["refill"] || len(n.store.Fenced()) != 0 {
			t.Fatalf("crashed at %v, and fenced in %v", crashes, n.store.Fenced())
		}
		n.governor.SetBudget(64 << 20)
		time.Sleep(3 * time.Minute)
		sets, err := n.store.Asides()
		if err != nil || len(sets) != 1 || sets[0].Objects != pages {
			t.Errorf("set aside: %+v, %v; want %d objects in one set", sets, err, pages)
		}
		if got := n.holds(t, keys[0]); got != "" {
			t.Errorf("what was deleted is back: %q", got)
		}
		if _, _, differing, away := n.verify(t, request.VerifyOptions{Partition: p}); len(differing)+len(away) != 0 {
			t.Errorf("%d keys differ, %v are away", len(differing), away)
		}
		if counted := n.store.Counters().WrongLeaves; counted != 0 {
			t.Errorf("%d leaves were wrong", counted)
		}
	})
}

// A hint in an older copy is of what was deleted since. Its holder is no replica, so
// nobody speaks to it of the partition but the rounds: it finds out before it raises.
func TestAHintInAnOlderCopyIsSetAside(t *testing.T) {
	d := disks{}
	inClusterOver(t, 5, d.of, func(t *testing.T, c *cluster) {
		c.shortGrace(t)
		key, primaries, others := c.key(0)
		away, holder := primaries[2], others[0]
		for _, n := range c.nodes {
			if n != away {
				c.cut(away, n)
				n.health.Failed(away.self, "it died")
			}
		}
		primaries[0].mustPut(t, key, "old", request.WriteOptions{W: request.All})
		if holder.hint(t, key) == nil {
			t.Fatal("the fallback keeps no hint")
		}
		at := slices.Index(c.nodes, holder)
		older := d.copyOf(at)
		for _, n := range c.nodes {
			if n != away {
				c.mend(away, n)
			}
		}
		time.Sleep(time.Minute)
		if _, err := primaries[0].Delete(t.Context(), "default", key, request.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		c.awaitReaped(t, key)
		c.restore(t, d, at, older, nil)
		holder.governor.Pause(governor.Hints)
		if got := holder.hint(t, key); got == nil {
			t.Fatal("the older copy has no hint")
		}
		again := ""
		for i := 0; again == ""; i++ {
			if k := fmt.Sprintf("again-%d", i); partitionOf(c, k) == partitionOf(c, key) {
				again = k
			}
		}
		primaries[0].mustPut(t, again, "v", request.WriteOptions{W: request.All})
		if _, err := primaries[0].Delete(t.Context(), "default", again, request.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		c.awaitReaped(t, again)
		holder.governor.Resume(governor.Hints)
		holder.handoff.Kick()
		time.Sleep(3 * time.Minute)
		for _, n := range c.nodes {
			if got := n.holds(t, key); got != "" {
				t.Errorf("%s holds %q", n.host, got)
			}
		}
		sets, err := holder.store.Asides()
		if err != nil || len(sets) != 1 || sets[0].Hints != 1 || !sets[0].Ended {
			t.Errorf("set aside: %+v, %v; want the hint", sets, err)
		}
	})
}

// The very request in which a node finds out that it has lost memory succeeds, and is
// right: it is handed on.
func TestTheRequestThatFindsOutIsHandedOn(t *testing.T) {
	on := map[string]func(t *testing.T, n *testNode, key, gone string){
		"get": func(t *testing.T, n *testNode, key, gone string) {
			n.mustGet(t, key, "new", request.ReadOptions{})
		},
		"get of what is gone": func(t *testing.T, n *testNode, _, gone string) {
			n.mustGet(t, gone, "", request.ReadOptions{})
		},
		"strict get": func(t *testing.T, n *testNode, key, gone string) {
			n.mustGet(t, key, "new", request.ReadOptions{Strict: request.On})
		},
		"put": func(t *testing.T, n *testNode, key, gone string) {
			n.mustPut(t, key, "newer", request.WriteOptions{})
			n.mustGet(t, key, "newer", request.ReadOptions{})
		},
		"delete": func(t *testing.T, n *testNode, key, gone string) {
			if _, err := n.Delete(t.Context(), "default", key, request.WriteOptions{}); err != nil {
				t.Error(err)
			}
			n.mustGet(t, key, "", request.ReadOptions{})
		},
		"scan": func(t *testing.T, n *testNode, key, gone string) {
			listed := 0
			for entry, err := range n.Scan(t.Context(), "default", request.ScanOptions{Values: true}) {
				if err != nil || entry.Key != key || string(entry.Value.Siblings[0].Data) != "new" {
					t.Errorf("lists %+v, %v", entry, err)
				}
				listed++
			}
			if listed != 1 {
				t.Errorf("%d keys are listed", listed)
			}
		},
	}
	for name, do := range on {
		t.Run(name, func(t *testing.T) {
			d := disks{}
			inClusterOver(t, 5, d.of, func(t *testing.T, c *cluster) {
				c.shortGrace(t)
				n := c.nodes[0]
				key := c.keysOf(n, "key", 1)[0]
				var gone []string
				for i := 0; len(gone) < 3; i++ {
					if k := fmt.Sprintf("gone-%d", i); partitionOf(c, k) == partitionOf(c, key) {
						gone = append(gone, k)
					}
				}
				for _, k := range append(gone, key) {
					c.nodes[1].mustPut(t, k, "old", request.WriteOptions{W: request.All})
				}
				older := d.copyOf(0)
				for _, k := range gone {
					if _, err := c.nodes[2].Delete(t.Context(), "default", k, request.WriteOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				c.nodes[3].mustPut(t, key, "new", request.WriteOptions{})
				c.awaitReaped(t, gone...)
				c.restore(t, d, 0, older, nil)
				if n.fenced(partitionOf(c, key)) {
					t.Fatal("it has found out before the request")
				}
				do(t, n, key, gone[0])
				if n.Counters().Fenced.Load() == 0 {
					t.Error("the request did not find out")
				}
				n.whole(t)
				for _, k := range gone {
					n.mustGet(t, k, "", request.ReadOptions{R: request.All})
				}
			})
		})
	}
}
