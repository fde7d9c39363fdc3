package replication

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// salvaged looks through all sets of a node, to their ends.
func (n *testNode) salvaged(t *testing.T, restore bool) (looked int64, lacking []request.LackingValue) {
	t.Helper()
	list, err := n.Salvage()
	if err != nil || len(list.Fenced) > 0 {
		t.Fatalf("salvage: %+v, %v", list, err)
	}
	look := n.Lacking
	if restore {
		look = n.RestoreSet
	}
	for _, set := range list.Sets {
		if !set.Complete {
			t.Errorf("set %d is not complete", set.Set)
		}
		for o := (request.SalvageOptions{Set: set.Set}); ; {
			found, err := look(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			looked, lacking = looked+found.Looked, append(lacking, found.Lacking...)
			if o.After = found.Next; o.After == "" {
				break
			}
		}
	}
	return looked, lacking
}

func keysIn(lacking []request.LackingValue) (keys []string) {
	for _, v := range lacking {
		keys = append(keys, v.Key)
	}
	slices.Sort(keys)
	return keys
}

func TestWhatOnlyARestoredNodeHadIsWrittenBack(t *testing.T) {
	d := disks{}
	inClusterOver(t, 5, d.of, func(t *testing.T, c *cluster) {
		c.shortGrace(t)
		n := c.nodes[0]
		keys := c.keysOf(n, "key", 60)
		gone, stay := keys[:30], keys[30:]
		for _, key := range keys {
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
		// Both lie in partitions in which something was reaped: they are fenced.
		var alone []string
		for _, key := range c.keysOf(n, "alone", 40) {
			if slices.ContainsFunc(gone, func(g string) bool { return partitionOf(c, g) == partitionOf(c, key) }) {
				alone = append(alone, key)
			}
		}
		beside := alone[0]
		c.nodes[1].mustPut(t, beside, "beside", request.WriteOptions{W: request.All})
		c.restore(t, d, 0, older, func(s *storage.Store) {
			for _, key := range alone {
				plantOld(t, s, doc, key, "only here")
			}
		})
		n.whole(t)
		time.Sleep(5 * time.Minute)

		// What the others have replaced is not lacking; what they have deleted and forgotten
		// cannot be told from what they never had.
		looked, lacking := n.salvaged(t, false)
		if want := slices.Sorted(slices.Values(slices.Concat(gone, alone))); !slices.Equal(keysIn(lacking), want) || looked < int64(len(want)) {
			t.Fatalf("of %d keys there are lacking %v\nwant %v", looked, keysIn(lacking), want)
		}
		for range 2 { // the second time changes nothing
			if _, lacking = n.salvaged(t, true); slices.ContainsFunc(lacking, func(v request.LackingValue) bool { return !v.Restored || v.Error != "" }) {
				t.Fatalf("restored: %+v", lacking)
			}
		}
		if len(lacking) != 0 {
			t.Errorf("after a restore there are lacking %v", lacking)
		}
		for _, other := range c.nodes {
			other.mustGet(t, alone[1], "only here", request.ReadOptions{R: request.All})
			other.mustGet(t, beside, "beside+only here", request.ReadOptions{R: request.All})
			other.mustGet(t, stay[0], "new", request.ReadOptions{R: request.All})
		}
		list, _ := n.Salvage()
		for _, set := range list.Sets {
			if err := n.DiscardSet(t.Context(), set.Set); err != nil {
				t.Error(err)
			}
		}
		if list, err := n.Salvage(); err != nil || len(list.Sets) != 0 {
			t.Errorf("after a discard: %+v, %v", list, err)
		}
		for name, err := range map[string]error{
			"discard": n.DiscardSet(t.Context(), 1),
			"look":    second(n.Lacking(t.Context(), request.SalvageOptions{Set: 1})),
			"place":   second(n.Lacking(t.Context(), request.SalvageOptions{Set: 1, After: "o.!"})),
		} {
			if !errors.Is(err, request.ErrBadValue) {
				t.Errorf("%s of what is not there: %v", name, err)
			}
		}
		if err := n.OpenFenced(t.Context(), 0); !errors.Is(err, request.ErrUnsafe) {
			t.Errorf("opened what is not fenced: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

// A person says that nobody is left: the node serves what it has, which is nothing, and
// what was set aside is written back.
func TestWhatNobodyCanFillIsOpenedByHand(t *testing.T) {
	d := disks{}
	inClusterOver(t, 4, d.of, func(t *testing.T, c *cluster) {
		n, key := fencedNode(t, c, d)
		p := partitionOf(c, key)
		entry := c.entry(key)
		for _, other := range c.nodes[1:] {
			if slices.Contains(entry.Serving, other.self) {
				c.cut(n, other)
				n.health.Failed(other.self, "it died")
			}
		}
		n.governor.Resume(0, 1, 2, 3, 4)
		if err := n.OpenFenced(t.Context(), p); err == nil {
			t.Fatal("opened before it was known that nobody is there")
		}
		time.Sleep(time.Minute)
		if err := n.OpenFenced(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if n.fenced(p) {
			t.Fatalf("it is still fenced: %+v", n.Fence().States())
		}
		if got := n.holds(t, key); got != "" {
			t.Errorf("it holds %q", got)
		}
		if raised := n.store.Epochs(p).Raised; raised == (causal.Epoch{}) {
			t.Error("it has taken the epochs of nobody")
		}
	})
}

func TestWhatIsOutrankedOrWasRestoredIsNotLacking(t *testing.T) {
	dot := causal.Dot{Actor: 1, Counter: 1}
	put := func(o *causal.Object, policy causal.Policy, d causal.Dot, stamp causal.Stamp, op byte) *causal.Object {
		return o.Put(causal.Write{Dot: d, Stamp: stamp, Policy: policy, Op: causal.OpID{op}, Seen: &causal.Seen{}})
	}
	mine := func(policy causal.Policy) asideSibling {
		return asideSibling{policy: policy, sibling: put(nil, policy, dot, 5, 1).Siblings[0]}
	}
	other := causal.Dot{Actor: 2, Counter: 1}
	for name, tc := range map[string]struct {
		object *causal.Object
		policy causal.Policy
		want   bool
	}{
		"nothing is there":        {nil, causal.Siblings, false},
		"it is there":             {put(nil, causal.Siblings, dot, 5, 1), causal.Siblings, true},
		"another one is there":    {put(nil, causal.Siblings, other, 9, 2), causal.Siblings, false},
		"the operation is known":  {put(nil, causal.Siblings, other, 9, 1), causal.Siblings, true},
		"it was restored":         {put(nil, causal.Siblings, other, 9, 7), causal.Siblings, true},
		"a later one outranks it": {put(nil, causal.LWW, other, 9, 2), causal.LWW, true},
		"an earlier one is there": {put(nil, causal.LWW, other, 3, 2), causal.LWW, false},
		"a read of it was handed": {put(put(nil, causal.Siblings, dot, 5, 1), causal.Siblings, other, 9, 2), causal.Siblings, true},
	} {
		if got := knows(tc.object, mine(tc.policy), causal.OpID{7}); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestPlacesInASetComeBack(t *testing.T) {
	for _, at := range []storage.AsideAt{{Key: storage.Key{Bucket: "b", Key: "\xff"}}, {Hint: true, Key: storage.Key{Bucket: "b", Key: "k"}}} {
		if got, err := asidePlaceFrom(asidePlaceText(at)); err != nil || got != at {
			t.Errorf("%+v comes back as %+v, %v", at, got, err)
		}
	}
	for _, text := range []string{"o", "o.", "x." + strings.TrimPrefix(asidePlaceText(storage.AsideAt{Key: storage.Key{Bucket: "b", Key: "k"}}), "o."), "."} {
		if _, err := asidePlaceFrom(text); !errors.Is(err, request.ErrBadValue) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
