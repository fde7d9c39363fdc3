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
