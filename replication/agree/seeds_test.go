package agree

import (
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/seeds"
)

// simBudget is what a plain run of the package's tests gives to each simulation.
const simBudget = 1500 * time.Millisecond

// overSeeds runs a simulation over seeds, as package seeds does; of a single one it
// prints what happened.
func overSeeds(t *testing.T, run func(t *testing.T, seed uint64, trace bool) simCounts) {
	t.Helper()
	_, single := seeds.Single()
	var sum simCounts
	seeds.Over(t, simBudget, 20, func(t *testing.T, seed uint64) { sum.add(run(t, seed, single)) })
	if !single {
		t.Logf("%+v", sum)
		sum.wantAll(t)
	}
}

// simCounts are what happened: a run in which some fault or turn never did proves
// less than it seems to.
type simCounts struct {
	Decided, Lost, Doubled, Crashes, Splits, SaveFailures, Finished, Refused int
}

func (c *simCounts) add(d simCounts) {
	c.Decided += d.Decided
	c.Lost += d.Lost
	c.Doubled += d.Doubled
	c.Crashes += d.Crashes
	c.Splits += d.Splits
	c.SaveFailures += d.SaveFailures
	c.Finished += d.Finished
	c.Refused += d.Refused
}

func (c *simCounts) wantAll(t *testing.T) {
	t.Helper()
	for name, count := range map[string]int{
		"decided": c.Decided, "lost": c.Lost, "doubled": c.Doubled, "crashes": c.Crashes, "splits": c.Splits,
		"save failures": c.SaveFailures, "finished for another": c.Finished, "refused": c.Refused,
	} {
		if count == 0 {
			t.Errorf("%s: never happened", name)
		}
	}
}
