package checker

import "testing"

func TestExpiry(t *testing.T) {
	expect(t, Expired, cases{
		"a value is shown before its time": {`
			put a expires=100 ok
			get a ok`, Valid},
		"a read that began before it may show it": {`
			put a expires=11 ok
			get a ok`, Valid},
		"a read that began later may not": {`
			put a expires=10 ok
			get a ok`, Invalid},
		"nor if nobody knows how the put ended": {`
			put a expires=10 info
			get a ok`, Invalid},
		"what never expires is shown": {`
			put a ok
			get a ok`, Valid},
	})
	expect(t, Lost, cases{
		"an expired value is gone, and so is what it replaced": {`
			put a ok
			put b saw=a expires=15 ok
			final`, Valid},
		"a value that has not expired is there": {`
			put a expires=100 ok
			final`, Invalid},
		"what an expired value had not seen is there": {`
			put x ok
			put a expires=15 ok
			final`, Invalid},
	})
	expect(t, Recent, cases{
		"a strict read may miss what has expired": {`
			put a strict expires=10 ok
			get by=9 strict ok`, Valid},
		"and what that had replaced": {`
			put a strict ok
			put b saw=a strict expires=10 ok
			get by=9 strict ok`, Valid},
		"but not what expires much later": {`
			put a strict expires=90000 ok
			get by=9 strict ok`, Invalid},
	})
}

func TestRest(t *testing.T) {
	idle, did := []Effort{{"n1", map[string]float64{"repairs": 3}}}, []Effort{{"n1", map[string]float64{"repairs": 4}}}
	for name, tc := range map[string]struct {
		left          []Work
		before, after []Effort
		want          Verdict
	}{
		"nothing is left, and nothing is done":  {[]Work{{Node: "n1"}}, idle, idle, Valid},
		"a hint is left":                        {[]Work{{Node: "n1", Hints: 1}}, idle, idle, Invalid},
		"the ledger is not empty":               {[]Work{{Node: "n1", Dirty: 1}}, idle, idle, Invalid},
		"a deleted key is left":                 {[]Work{{Node: "n1", Deleted: 1}}, idle, idle, Invalid},
		"a wide context is left":                {[]Work{{Node: "n1", Wide: 1}}, idle, idle, Invalid},
		"a partition is fenced":                 {[]Work{{Node: "n1", Fenced: 1}}, idle, idle, Invalid},
		"something was repaired":                {[]Work{{Node: "n1"}}, idle, did, Invalid},
		"nobody was looked at":                  {nil, nil, nil, Unknown},
		"a node was looked at before, not then": {[]Work{{Node: "n1"}}, idle, nil, Unknown},
	} {
		if got := Rest(tc.left, tc.before, tc.after); got.Valid != tc.want {
			t.Errorf("%s: %v, want %s", name, got, tc.want)
		}
	}
}

func TestNarrow(t *testing.T) {
	for name, tc := range map[string]struct {
		dumps []Dump
		want  Verdict
	}{
		"as many entries as actors":    {[]Dump{{Entries: 2, Actors: 2}}, Valid},
		"more":                         {[]Dump{{Entries: 3, Actors: 2}}, Invalid},
		"more, for a twin":             {[]Dump{{Entries: 3, Actors: 2, Twin: true}}, Valid},
		"nothing is held":              {[]Dump{{}}, Valid},
		"nobody was asked for anybody": {nil, Unknown},
	} {
		if got := Narrow(tc.dumps); got.Valid != tc.want {
			t.Errorf("%s: %v, want %s", name, got, tc.want)
		}
	}
}
