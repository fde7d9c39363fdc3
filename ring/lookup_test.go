package ring

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// picture draws the preference list of every partition: who serves it | who stands in.
func picture(d *Document) string {
	var b strings.Builder
	for p := range d.Layout {
		fmt.Fprintf(&b, "%2d  %s | %s\n", p, names(d, d.Primaries(Partition(p))), names(d, slices.Collect(d.Fallbacks(Partition(p)))))
	}
	return b.String()
}

func names(d *Document, ids []NodeID) string {
	var out []string
	for _, id := range ids {
		m, _ := d.Member(id)
		out = append(out, m.Name+m.Zone)
	}
	return strings.Join(out, " ")
}

// TestPreferenceLists compares pictures with testdata/preference.golden, where a
// member is written as its name and zone.
func TestPreferenceLists(t *testing.T) {
	heavy := testMembers(4)
	heavy[0].Weight = 300
	idle := mustFirst(t, testMembers(4), 8, 3).Clone()
	for i := range idle.Layout {
		idle.Layout[i].Serving = []NodeID{1, 2, 3}
	}
	idle, err := idle.Seal()
	if err != nil {
		t.Fatal(err)
	}
	changing := mustFirst(t, testMembers(5), 8, 3).Clone()
	changing.Layout[0].Next, changing.Layout[0].Phase = []NodeID{1, 2, 4}, PhaseCopy
	changing, err = changing.Seal()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range []struct {
		what string
		d    *Document
	}{
		{"one member", mustFirst(t, testMembers(1), 8, 3)},
		{"fewer members than replicas", mustFirst(t, testMembers(2), 8, 3)},
		{"five members", mustFirst(t, testMembers(5), 8, 3)},
		{"six members in three zones", mustFirst(t, testMembers(6, "a", "b", "c"), 8, 3)},
		{"five members in two zones", mustFirst(t, testMembers(5, "a", "b"), 8, 3)},
		{"four members, the first three times as heavy", mustFirst(t, heavy, 8, 2)},
		{"a member that serves nothing stands in last", idle},
		{"who will serve partition 0 does not stand in for it", changing},
	} {
		fmt.Fprintf(&b, "# %s\n%s\n", c.what, picture(c.d))
	}
	golden(t, "preference.golden", []byte(b.String()))
}

func TestPreferenceListIsEveryMemberOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, 16, 3, rapid.IntRange(1, maxWeight))
		d, err := First(firstOf(members, 1<<rapid.IntRange(3, 6).Draw(t, "log q"), rapid.IntRange(1, 5).Draw(t, "n")))
		if err != nil {
			t.Fatal(err)
		}
		p := Partition(rapid.IntRange(0, d.Partitions-1).Draw(t, "p"))
		list := slices.AppendSeq(slices.Clone(d.Primaries(p)), d.Fallbacks(p))
		for _, id := range list {
			if _, ok := d.Member(id); !ok || d.IsPrimary(p, id) != slices.Contains(d.Entry(p).Serving, id) {
				t.Errorf("%s: member %v, primary %v", id, ok, d.IsPrimary(p, id))
			}
		}
		slices.Sort(list)
		if len(slices.Compact(list)) != len(members) || len(list) != len(members) {
			t.Errorf("%d of %d members are in the list", len(list), len(members))
		}
	})
}

func TestFallbacksStopWhenAsked(t *testing.T) {
	d := mustFirst(t, testMembers(9), 8, 3)
	all := slices.Collect(d.Fallbacks(2))
	for want := range all {
		var got []NodeID
		for id := range d.Fallbacks(2) {
			if len(got) == want {
				break
			}
			got = append(got, id)
		}
		if !slices.Equal(got, all[:want]) {
			t.Errorf("the first %d are %v, want %v", want, got, all[:want])
		}
	}
}

func TestNobodyWhoIsGoingStandsIn(t *testing.T) {
	for name, going := range map[string]Going{"leaving": Leaves, "expelled": Expelled} {
		d := mustFirst(t, testMembers(9), 8, 3)
		all := slices.Collect(d.Fallbacks(2))
		for gone, id := range all {
			next := d.Clone()
			for i := range next.Members {
				if next.Members[i].ID == id {
					next.Members[i].Going = going
				}
			}
			next.index()
			want := slices.Delete(slices.Clone(all), gone, gone+1)
			if got := slices.Collect(next.Fallbacks(2)); !slices.Equal(got, want) {
				t.Errorf("%s: fallbacks without %s are %v, want %v", name, id, got, want)
			}
		}
	}
}

// A majority of a set is waited for (R4), or all of it that is not expelled: of who is
// expelled nothing is heard.
func TestAMajorityIsOfWhoIsLeft(t *testing.T) {
	for name, tc := range map[string]struct {
		set, expelled []NodeID
		want          int
	}{
		"all are there":         {[]NodeID{1, 2, 3}, nil, 2},
		"one is expelled":       {[]NodeID{1, 2, 3}, []NodeID{1}, 2},
		"two are":               {[]NodeID{1, 2, 3}, []NodeID{1, 2}, 1},
		"two of five are":       {[]NodeID{1, 2, 3, 4, 5}, []NodeID{4, 5}, 3},
		"one that is no member": {[]NodeID{1, 2, 3, 4, 5}, []NodeID{6}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			d := mustFirst(t, testMembers(6), 16, 3)
			for i := range d.Members {
				if slices.Contains(tc.expelled, d.Members[i].ID) {
					d.Members[i].Going = Expelled
				}
			}
			d.index()
			if got := d.MajorityOf(tc.set); got != tc.want {
				t.Errorf("%d of %v, want %d", got, tc.set, tc.want)
			}
		})
	}
}
