package lab

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hengedb/henge/jepsen/checker"
	"github.com/hengedb/henge/jepsen/history"
)

// run makes one run in a bubble of its own.
func run(t *testing.T, s Scenario) Outcome {
	t.Helper()
	s.Options.Logger = logger()
	var out Outcome
	synctest.Test(t, func(t *testing.T) {
		var err error
		if out, err = Run(t.Context(), s); err != nil {
			t.Fatalf("seed %d: %v", s.Options.Seed, err)
		}
	})
	return out
}

// judge runs a scenario and fails the test, with the story of the first anomaly,
// unless every checker is content.
func judge(t *testing.T, s Scenario) Outcome {
	t.Helper()
	out := run(t, s)
	if out.Report.Valid() != checker.Valid {
		t.Errorf("seed %d, %d operations:\n%v\n%s", s.Options.Seed, len(out.History), out.Report, story(out))
	}
	return out
}

// around is how many operations before an anomaly its faults are told.
const around = 1500

// story tells the first anomaly of each checker: its operations, and the faults
// before and among them.
func story(out Outcome) string {
	var b strings.Builder
	for _, r := range out.Report {
		if r.Valid == checker.Valid || len(r.Anomalies) == 0 || len(r.Anomalies[0].Ops) == 0 {
			continue
		}
		a := r.Anomalies[0]
		fmt.Fprintf(&b, "%s, %s/%s: %s\n", r.Checker, a.Bucket, a.Key, a.Text)
		first, last := a.Ops[0], a.Ops[len(a.Ops)-1]
		part := make(map[int]bool)
		for _, n := range a.Ops {
			part[n] = true
		}
		for _, op := range out.History {
			switch {
			case part[op.Index]:
				fmt.Fprintf(&b, "  %v %s %s %s=%q by %d at %s: saw %q, shows %q %q, %s %s\n",
					op.T, op.Type, op.F, op.Key, op.Value, op.Process, op.Node, op.Saw, op.Values, op.Dots, op.Err, op.Outcome)
			case op.F == history.Fault && op.Index > first-around && op.Index < last:
				fmt.Fprintf(&b, "  %v %s\n", op.T, op.Value)
			}
		}
	}
	return b.String()
}
