package ring

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestAssignPictures compares small changes with testdata/assign.golden, where each row is
// a node and each column a partition: # is held, + comes, . is not held.
func TestAssignPictures(t *testing.T) {
	heavy, zones := testMembers(3), testMembers(6, "a", "b", "c")
	heavy[2].Weight = 200
	var b strings.Builder
	for _, c := range []struct {
		what          string
		before, after []Member
		replicas      int
	}{
		{"a fourth joins three", testMembers(3), testMembers(4), 3},
		{"two join three", testMembers(3), testMembers(5), 3},
		{"one of five leaves", testMembers(5), testMembers(5)[:4], 3},
		{"one replaces another", testMembers(4), testMembers(5)[1:], 3},
		{"one of three zones of two leaves", zones, slices.DeleteFunc(slices.Clone(zones), func(m Member) bool { return m.Zone == "b" }), 3},
		{"a third zone comes to two", slices.DeleteFunc(slices.Clone(zones), func(m Member) bool { return m.Zone == "b" }), zones, 3},
		{"one of three becomes twice as heavy", testMembers(3), heavy, 2},
		{"six are put in three zones", testMembers(6), zones, 3},
	} {
		d := mustFirst(t, c.before, 16, c.replicas)
		o := AssignOptions{Current: sets(d), Members: c.after, Replicas: c.replicas}
		fmt.Fprintf(&b, "# %s\n%s\n", c.what, changePicture(c.before, o, mustAssign(t, o)))
	}
	golden(t, "assign.golden", []byte(b.String()))
}

// changePicture draws who holds what before and after a change.
func changePicture(before []Member, o AssignOptions, got [][]NodeID) string {
	var b strings.Builder
	ideals := newBrute(o).ideals()
	all := slices.Concat(before, o.Members)
	slices.SortFunc(all, compareMembers)
	for _, m := range slices.CompactFunc(all, func(a, b Member) bool { return a.ID == b.ID }) {
		ideal, was, is := 0.0, 0, 0
		if i := slices.IndexFunc(o.Members, func(o Member) bool { return o.ID == m.ID }); i >= 0 {
			m, ideal = o.Members[i], ideals[i]
		}
		left, right := []byte{}, []byte{}
		for p := range got {
			l, r := byte('.'), byte('.')
			if slices.Contains(o.Current[p], m.ID) {
				was, l = was+1, '#'
			}
			if slices.Contains(got[p], m.ID) {
				if is, r = is+1, '+'; l == '#' {
					r = '#'
				}
			}
			left, right = append(left, l), append(right, r)
		}
		fmt.Fprintf(&b, "%s %1s %4d  %s  %s  %2d -> %2d, ideal %5.2f\n", m.Name, m.Zone, m.Weight, left, right, was, is, ideal)
	}
	moves, most := moved(o.Current, got)
	fmt.Fprintf(&b, "%d moves, at most %d of a partition; balance alone needs %d\n", moves, most, least(o))
	return b.String()
}
