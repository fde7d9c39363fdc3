package ring

import (
	"slices"
	"strings"
	"testing"
)

func TestWithoutBucket(t *testing.T) {
	d := mustFirst(t, testMembers(3), 8, 3)
	d, err := d.WithBucket(Bucket{Name: "carts", Policy: PolicyLWW, Owner: "me"})
	if err != nil {
		t.Fatal(err)
	}
	next, err := d.WithoutBucket("carts")
	if err != nil {
		t.Fatal(err)
	}
	if _, listed := next.Bucket("carts"); listed || next.Version != 3 || next.Dropped != 3 {
		t.Errorf("version %d, dropped %d, listed: %v", next.Version, next.Dropped, listed)
	}
	if _, listed := d.Bucket("carts"); !listed || d.Dropped != 0 {
		t.Error("the document before has changed")
	}
	again, err := next.WithBucket(Bucket{Name: "carts", Policy: PolicySiblings})
	if b, _ := again.Bucket("carts"); err != nil || b.Generation != 4 || again.Dropped != 3 {
		t.Errorf("made again as %+v, dropped %d, %v", b, again.Dropped, err)
	}
	set, err := d.WithBucketSet(Bucket{Name: DefaultBucket, Policy: PolicySiblings, Owner: "all"})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := set.WithoutBucket(DefaultBucket)
	if b, _ := empty.Bucket(DefaultBucket); err != nil || b.Owner != "all" || b.Generation != empty.Version || empty.Dropped != empty.Version {
		t.Errorf("the default bucket is %+v in version %d, %v; want it made anew", b, empty.Version, err)
	}
	if _, err := d.WithoutBucket("none"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a bucket that is none: %v", err)
	}
}

func TestDiscarded(t *testing.T) {
	d := mustFirst(t, testMembers(3), 8, 3).Clone()
	d.Version = 20
	d.Buckets = append(d.Buckets, Bucket{Name: "late", Policy: PolicySiblings, Generation: 15})
	slices.SortFunc(d.Buckets, func(a, b Bucket) int { return strings.Compare(a.Name, b.Name) })
	plain, err := d.Seal()
	if err != nil {
		t.Fatal(err)
	}
	force := func(d *Document) *Document {
		t.Helper()
		d, err := d.ForcedWithout([]NodeID{2}, 1, 1, 7)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	drop := func(d *Document, name string) *Document {
		t.Helper()
		d, err := d.WithBucket(Bucket{Name: name, Policy: PolicySiblings})
		if err == nil {
			d, err = d.WithoutBucket(name)
		}
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	forced := force(plain)
	for name, tc := range map[string]struct {
		d          *Document
		bucket     string
		generation uint64
		want       bool
	}{
		"a bucket's own generation":                 {plain, "late", 15, false},
		"an older one of its name":                  {plain, "late", 3, true},
		"of a bucket that is not listed":            {plain, "gone", 3, true},
		"of a version that is not here yet":         {plain, "gone", 21, false},
		"of a later version of a listed bucket":     {plain, "late", 21, false},
		"of the losing side":                        {forced, "theirs", 25, false},
		"of the losing side, of a listed bucket":    {forced, "late", 25, false},
		"from before the force":                     {forced, "gone", 3, true},
		"made and dropped after the force":          {drop(forced, "ours"), "ours", 21 + forcedAhead, true},
		"of the losing side of an earlier force":    {force(forced), "theirs", 25, false},
		"of the losing side of both, the later":     {force(forced), "theirs", 25 + forcedAhead, false},
		"of the losing side, dropped since":         {drop(forced, "theirs"), "theirs", 25, true},
		"dropped since, before another force":       {force(drop(forced, "theirs")), "theirs", 25, true},
		"of the losing side, another dropped since": {drop(forced, "ours"), "theirs", 25, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.d.Discarded(tc.bucket, tc.generation); got != tc.want {
				t.Errorf("generation %d of %q in version %d: discarded is %v, want %v", tc.generation, tc.bucket, tc.d.Version, got, tc.want)
			}
		})
	}
}
