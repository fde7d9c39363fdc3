package agree

import (
	"math"
	"os"
	"strconv"
	"testing"
	"time"
)

// simBudget is what a plain run of the package's tests gives to each simulation.
const simBudget = 1500 * time.Millisecond

// overSeeds runs as many seeds as fit in simBudget. HENGE_SEEDS=10000 runs that
// many; HENGE_SEED=17 runs that one and prints what happened.
func overSeeds(t *testing.T, run func(t *testing.T, seed uint64, trace bool) simCounts) {
	t.Helper()
	if one := os.Getenv("HENGE_SEED"); one != "" {
		run(t, number(t, one), true)
		return
	}
	begin, seeds, budget := time.Now(), uint64(math.MaxUint64), simBudget
	if many := os.Getenv("HENGE_SEEDS"); many != "" {
		seeds, budget = number(t, many), math.MaxInt64
	}
	var sum simCounts
	var done uint64
	for ; done < seeds && (time.Since(begin) < budget || done < 20); done++ {
		sum.add(run(t, done+1, false))
		if t.Failed() {
			t.Fatalf("seed %d failed; HENGE_SEED=%d shows it", done+1, done+1)
		}
	}
	t.Logf("%d seeds in %v: %+v", done, time.Since(begin).Round(time.Millisecond), sum)
	sum.wantAll(t)
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
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
