package ring

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestWithBucket(t *testing.T) {
	d := mustFirst(t, testMembers(3), 8, 3)
	for i, name := range []string{"zebra", "apple", "a.b_c-9"} {
		next, err := d.WithBucket(Bucket{Name: name, Policy: PolicyLWW, Owner: "me", W: 2, Generation: 77})
		if err != nil {
			t.Fatal(err)
		}
		b, ok := next.Bucket(name)
		if want := (Bucket{Name: name, Policy: PolicyLWW, Owner: "me", W: 2, Generation: uint64(i + 2)}); !ok || b != want || next.Version != uint64(i+2) {
			t.Errorf("version %d has %+v, want %+v", next.Version, b, want)
		}
		if _, before := d.Bucket(name); before || d.Version != uint64(i+1) {
			t.Error("the document before has changed")
		}
		if next.Name().Compare(d.Name()) <= 0 || next.Era != d.Era || next.Cluster != d.Cluster {
			t.Errorf("%s does not follow %s", next.Name(), d.Name())
		}
		d = next
	}
	var names []string
	for _, b := range d.Buckets {
		names = append(names, b.Name)
	}
	if want := []string{"a.b_c-9", "apple", "default", "zebra"}; !slices.Equal(names, want) {
		t.Errorf("buckets %v, want %v", names, want)
	}
}

func TestWithBucketRefuses(t *testing.T) {
	d := mustFirst(t, testMembers(3), 8, 3)
	full := d.Clone()
	full.Buckets = nil
	for i := range maxBuckets {
		full.Buckets = append(full.Buckets, Bucket{Name: fmt.Sprintf("b%05d", i), Generation: 1, Policy: PolicySiblings})
	}
	full, err := full.Seal()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		d    *Document
		b    Bucket
		want string
	}{
		"a name that is taken":    {d, Bucket{Name: DefaultBucket, Policy: PolicySiblings}, `bucket "default" exists`},
		"no name":                 {d, Bucket{Policy: PolicySiblings}, "bucket name of 0 bytes"},
		"a name of 65 bytes":      {d, Bucket{Name: strings.Repeat("a", 65), Policy: PolicySiblings}, "bucket name of 65 bytes"},
		"capital letters":         {d, Bucket{Name: "Orders", Policy: PolicySiblings}, "want a-z"},
		"a slash in the middle":   {d, Bucket{Name: "a/b", Policy: PolicySiblings}, "want a-z"},
		"a letter beyond ASCII":   {d, Bucket{Name: "käse", Policy: PolicySiblings}, "want a-z"},
		"a leading dot":           {d, Bucket{Name: ".a", Policy: PolicySiblings}, "beginning with a letter or digit"},
		"a policy nobody knows":   {d, Bucket{Name: "b", Policy: "newest"}, `policy "newest"`},
		"no policy":               {d, Bucket{Name: "b"}, `policy ""`},
		"more than the replicas":  {d, Bucket{Name: "b", Policy: PolicyLWW, W: 4}, "a count of 4: there are 3 replicas"},
		"no word for a count":     {d, Bucket{Name: "b", Policy: PolicyLWW, R: -3}, "a count of -3"},
		"an owner of 256 bytes":   {d, Bucket{Name: "b", Policy: PolicyLWW, Owner: strings.Repeat("o", 256)}, "has 256 bytes"},
		"the bucket after 10,000": {full, Bucket{Name: "one-more", Policy: PolicySiblings}, "10001 buckets: want at most 10000"},
	} {
		t.Run(name, func(t *testing.T) {
			if next, err := c.d.WithBucket(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v; want %q", next, err, c.want)
			}
		})
	}
}

func TestWithBucketSet(t *testing.T) {
	d := mustFirst(t, testMembers(3), 8, 3)
	d, err := d.WithBucket(Bucket{Name: "carts", Policy: PolicyLWW, Owner: "me"})
	if err != nil {
		t.Fatal(err)
	}
	want := Bucket{Name: "carts", Policy: PolicyLWW, Owner: "you", R: 1, W: -2, Strict: true, Unsynced: true, RequireContext: true, TTLMillis: 1000, Generation: 77}
	next, err := d.WithBucketSet(want)
	if err != nil {
		t.Fatal(err)
	}
	want.Generation = 2 // that of the bucket, whatever the change says
	if got, _ := next.Bucket("carts"); got != want || next.Version != 3 {
		t.Errorf("version %d has %+v, want %+v", next.Version, got, want)
	}
	if before, _ := d.Bucket("carts"); before.Owner != "me" {
		t.Error("the document before has changed")
	}
	for name, c := range map[string]struct {
		b    Bucket
		want string
	}{
		"a bucket that is none":  {Bucket{Name: "b", Policy: PolicyLWW}, `bucket "b" does not exist`},
		"another policy":         {Bucket{Name: "carts", Policy: PolicySiblings}, "has the policy lww"},
		"more than the replicas": {Bucket{Name: "carts", Policy: PolicyLWW, R: 4}, "a count of 4"},
		"a TTL under a second":   {Bucket{Name: "carts", Policy: PolicyLWW, TTLMillis: 999}, "a TTL of 999 ms"},
		"a TTL below none":       {Bucket{Name: "carts", Policy: PolicyLWW, TTLMillis: -1}, "a TTL of -1 ms"},
		"a TTL of 101 years":     {Bucket{Name: "carts", Policy: PolicyLWW, TTLMillis: 101 * 365 * 24 * 3600 * 1000}, "a TTL of"},
		"an owner of 256 bytes":  {Bucket{Name: "carts", Policy: PolicyLWW, Owner: strings.Repeat("o", 256)}, "has 256 bytes"},
	} {
		if next, err := d.WithBucketSet(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v; want %q", name, next, err, c.want)
		}
	}
}

func TestWithSettings(t *testing.T) {
	d := mustFirst(t, testMembers(3), 8, 3)
	want := Settings{AutoJoin: true, R: -1, W: 3, TransferMiBps: 32}
	next, err := d.WithSettings(want)
	if err != nil || next.Settings != want || next.Version != 2 || !d.Settings.AutoBuckets {
		t.Errorf("got %+v, %v; want %+v", next, err, want)
	}
	for name, c := range map[string]struct {
		s    Settings
		want string
	}{
		"more than the replicas": {Settings{W: 4}, "a count of 4"},
		"a throttle below none":  {Settings{TransferMiBps: -1}, "transfer_mibps -1"},
		"a time below none":      {Settings{SilentMillis: -1}, "silent_ms -1"},
		"a skew of any start":    {Settings{SkewMillis: 14_999}, "skew_ms 14999"},
		"a skew below none":      {Settings{SkewMillis: -1}, "skew_ms -1"},
	} {
		if next, err := d.WithSettings(c.s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v; want %q", name, next, err, c.want)
		}
	}
}
