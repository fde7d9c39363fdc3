package lab

import (
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/jepsen/checker"
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

func swarm(seed uint64) Scenario {
	nodes := []string{"n1", "n2", "n3", "n4", "n5"}
	return Scenario{
		Options: Options{Nodes: 5, Seed: seed}, Length: 2 * time.Minute,
		Plan: Draw(seed, nodes, 2*time.Minute, AllFaults()),
	}
}

func TestQuick(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("N"))
	from, _ := strconv.Atoi(os.Getenv("FROM"))
	var all Sometimes
	for seed := range uint64(n) {
		seed += uint64(from)
		began := time.Now()
		out := run(t, swarm(seed))
		all.Add(out.Sometimes)
		if out.Report.Valid() != checker.Valid {
			t.Errorf("seed %d: %d ops in %v\n%v", seed, len(out.History), time.Since(began), out.Report)
			if verbose {
				t.Log(story(out))
			}
		}
	}
	t.Log(all.Counts())
}
