package storage

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// A bucket that the losing side of a force made, as generation 7 of a cluster that was
// forced from document 5, and what may have become of it since.
func TestWhatTheLosingSideStoredIsOfTheBucketThatIsMadeAnew(t *testing.T) {
	forced := &ring.Forced{From: ring.Name{Version: 5}, By: 9, Lost: []ring.NodeID{8}}
	const anew = 1<<20 + 9
	for name, tc := range map[string]struct {
		stored uint64
		forced *ring.Forced
		bucket []ring.Bucket
		want   uint64
		policy causal.Policy
	}{
		"it is as it was while no bucket has the name":    {stored: 7, forced: forced, want: 7, policy: causal.Siblings},
		"it is the new bucket's":                          {stored: 7, forced: forced, bucket: []ring.Bucket{{Generation: anew}}, want: anew, policy: causal.Siblings},
		"by its policy":                                   {stored: 7, forced: forced, bucket: []ring.Bucket{{Generation: anew, Policy: ring.PolicyLWW}}, want: anew, policy: causal.LWW},
		"a bucket from before the force is another":       {stored: 3, forced: forced, bucket: []ring.Bucket{{Generation: anew}}, want: 3, policy: causal.Siblings},
		"so is one from after it":                         {stored: 1<<20 + 6, forced: forced, bucket: []ring.Bucket{{Generation: anew}}, want: 1<<20 + 6, policy: causal.Siblings},
		"a bucket that was dropped without any force too": {stored: 7, bucket: []ring.Bucket{{Generation: anew}}, want: 7, policy: causal.Siblings},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, vfs.NewMem(), Options{})
			k := key(0)
			theirs := (*causal.Object)(nil).Put(causal.Write{
				Dot: causal.Dot{Actor: 1, Counter: 1}, Stamp: 1, Policy: causal.Siblings, Generation: tc.stored, Value: []byte("theirs"),
			})
			change(t, s, k, func(tx *Tx) {
				tx.SetObject(theirs)
				tx.SetHint(&Hint{Targets: []ring.NodeID{9}, Object: theirs})
			})
			if err := s.Install(forcedDocument(t, s, tc.forced, tc.bucket)); err != nil {
				t.Fatal(err)
			}
			for how, o := range readings(t, s, k) {
				if o == nil || o.Generation != tc.want || o.Policy != tc.policy || len(o.Siblings) != 1 {
					t.Errorf("%s: %+v, want generation %d of policy %d", how, o, tc.want, tc.policy)
				}
			}
			if tc.want != anew || tc.policy == causal.LWW {
				return
			}
			ours := (*causal.Object)(nil).Put(causal.Write{
				Dot: causal.Dot{Actor: 2, Counter: 1}, Stamp: 2, Policy: causal.Siblings, Generation: anew, Value: []byte("ours"),
			})
			change(t, s, k, func(tx *Tx) { tx.SetObject(causal.Join(tx.Object(), ours)) })
			if o, err := s.Read(t.Context(), k); err != nil || len(o.Siblings) != 2 {
				t.Errorf("after a write of the new bucket the key holds %+v, %v; want both values", o, err)
			}
		})
	}
}

// forcedDocument is one in which this node alone serves, with at most one bucket.
func forcedDocument(t *testing.T, s *Store, forced *ring.Forced, buckets []ring.Bucket) *ring.Document {
	t.Helper()
	d, err := ring.First(ring.FirstOptions{
		Cluster: strings.Repeat("a", 32), Secret: make([]byte, 32), Partitions: testPartitions, Replicas: 1,
		Members: []ring.Member{{ID: s.NodeID(), Name: "n1", Weight: 100, RPC: "n1:1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	d = d.Clone()
	d.Version, d.Forced, d.Buckets = 1<<20+10, forced, buckets
	if forced != nil {
		d.Era.Number = 1
	}
	for i := range d.Buckets {
		d.Buckets[i].Name = key(0).Bucket
		if d.Buckets[i].Policy == "" {
			d.Buckets[i].Policy = ring.PolicySiblings
		}
	}
	if d, err = d.Seal(); err != nil {
		t.Fatal(err)
	}
	return d
}

// change makes one write, and waits for the disk.
func change(t *testing.T, s *Store, k Key, f func(*Tx)) {
	t.Helper()
	c, err := s.Write(t.Context(), k, KindJoin, func(tx *Tx) error {
		f(tx)
		return nil
	})
	if err == nil {
		err = c.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// readings are all ways to read a key's object, and that of its hint.
func readings(t *testing.T, s *Store, k Key) map[string]*causal.Object {
	t.Helper()
	got := make(map[string]*causal.Object)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	got["Read"], err = s.Read(t.Context(), k)
	check(err)
	h, err := s.ReadHint(t.Context(), k)
	check(err)
	got["ReadHint"] = h.Object
	for r, err := range s.Scan(t.Context(), ScanFrom{}, everything) {
		check(err)
		got["Scan"] = r.Object
	}
	for r, err := range s.Hints(t.Context(), nil) {
		check(err)
		got["Hints"] = r.Hint.Object
	}
	page, _, err := s.RangePage(t.Context(), k.Position().Partition(testPartitions), Key{}, 1, 1<<20)
	check(err)
	got["RangePage"] = page[0].Object
	change(t, s, k, func(tx *Tx) { got["Tx.Object"], got["Tx.Hint"] = tx.Object(), tx.Hint().Object })
	return got
}
