package output

import (
	"strings"
	"testing"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

func TestAForceIsShownEverAfter(t *testing.T) {
	s := quietStatus()
	s.Views[0].Status.Forced = &ring.Forced{From: ring.Name{Version: 3}, At: 1_700_000_000_000, By: 1, Lost: []ring.NodeID{2, 9}}
	s.Views = append(s.Views, View{Name: "n2", Status: &request.Status{Name: "n2", Aside: []string{"e0.v4.ab12cd34"}, Kept: []request.KeptBucket{{Name: "late", Keys: 30}}}}, View{Name: "n3", Error: "refused"})
	var b strings.Builder
	if err := s.Human(&b); err != nil {
		t.Fatal(err)
	}
	const want = "forced on 2023-11-14T22:13:20Z from document e0.v3.00000000 without n2, 0000000000000009; n2 has set aside 1: e0.v4.ab12cd34\n" +
		"n2 keeps 30 keys of bucket late, which only the losing side made: a bucket of this name, made anew, has them\n"
	if !strings.Contains(b.String(), want) {
		t.Errorf("status shows\n%s\nwant in it\n%s", b.String(), want)
	}
}

func TestStatusTellsWhatIsFencedAndSetAside(t *testing.T) {
	s := Status{Views: []View{
		{Name: "n1", URL: "http://n1", Status: &request.Status{Name: "n1"}},
		{Name: "n2", URL: "http://n2", Status: &request.Status{Name: "n2", SetAside: request.SetAside{Fenced: 3, Sets: 1, Objects: 20, Hints: 2, Bytes: 999}}},
	}}
	var out strings.Builder
	if err := s.Human(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fenced: n2 counts as down for 3 partitions", "n2 keeps 20 objects and 2 hints, 999 bytes", "henge salvage list --url http://n2"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
