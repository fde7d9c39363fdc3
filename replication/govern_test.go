package replication

import (
	"errors"
	"testing"
	"time"

	"github.com/hengedb/henge/replication/governor"
	"github.com/hengedb/henge/replication/request"
)

func TestPutsAndGetsTellTheGovernor(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		time.Sleep(time.Second)
		for i := range 100 {
			if _, err := n.Put(t.Context(), "default", "k", nil, request.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := n.Get(t.Context(), "default", "k", request.ReadOptions{}); err != nil {
				t.Fatal(err)
			}
			if i%20 == 19 {
				time.Sleep(time.Second)
			}
		}
		if s := n.Governor().Stats(); s.Normal[governor.Read] <= 0 || s.Normal[governor.Write] <= 0 {
			t.Errorf("the normals are %v", s.Normal)
		}
	})
}

func TestTheGovernorIsSetAtOnceOrNotAtAll(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		n, two, less := c.nodes[0], 2, -1
		for i, class := range governor.Classes() {
			if request.WorkClasses()[i] != class.String() {
				t.Errorf("class %d is %v here and %s to clients", i, class, request.WorkClasses()[i])
			}
		}
		if got := n.GovernorStatus(); got.MiBps != DefaultTransferMiBps || got.Own || got.Factor != 1 || got.Cut || len(got.Requests) != 2 {
			t.Errorf("it begins with %+v", got)
		}
		got, err := n.Govern(request.Govern{MiBps: &two, Pause: []string{"hints", "reaping"}})
		if err != nil || got.MiBps != 2 || !got.Own || !got.Classes[governor.Hints].Paused || got.Classes[governor.Transfers].Paused {
			t.Errorf("%+v, %v", got, err)
		}
		for name, g := range map[string]request.Govern{
			"an unknown class":         {Resume: []string{"hints"}, Pause: []string{"all"}},
			"an unknown one to resume": {Pause: []string{"exchange"}, Resume: []string{"x"}},
			"a budget below none":      {Resume: []string{"hints"}, MiBps: &less},
		} {
			if _, err := n.Govern(g); !errors.Is(err, request.ErrBadValue) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := n.GovernorStatus(); !got.Classes[governor.Hints].Paused || got.Classes[governor.Exchange].Paused || got.MiBps != 2 {
			t.Errorf("what was refused has changed it: %+v", got)
		}
	})
}
