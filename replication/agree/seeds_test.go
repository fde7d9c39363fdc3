package agree

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// simBudget is what a plain run of the package's tests gives to each simulation.
const simBudget = 1500 * time.Millisecond

// overSeeds runs the seeds that once failed, which are kept in testdata/seeds, and
// then as many from 1 up as fit in simBudget. HENGE_SEEDS=10000 runs that many;
// HENGE_SEED=17 runs that one and prints what happened. A seed that fails is added
// to those that are kept.
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
	try := func(seed uint64) {
		sum.add(run(t, seed, false))
		if t.Failed() {
			keep(t, seed)
			t.Fatalf("seed %d failed; HENGE_SEED=%d shows it", seed, seed)
		}
	}
	old := kept(t)
	for _, seed := range old {
		try(seed)
	}
	var done uint64
	for ; done < seeds && (time.Since(begin) < budget || done < 20); done++ {
		try(done + 1)
	}
	t.Logf("%d seeds and %d that once failed in %v: %+v", done, len(old), time.Since(begin).Round(time.Millisecond), sum)
	sum.wantAll(t)
}

// seedFile holds one seed a line, and what it once showed behind a #.
func seedFile(t *testing.T) string { return filepath.Join("testdata", "seeds", t.Name()) }

func kept(t *testing.T) []uint64 {
	t.Helper()
	raw, err := os.ReadFile(seedFile(t))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var seeds []uint64
	for line := range strings.Lines(string(raw)) {
		if seed, _, _ := strings.Cut(line, "#"); strings.TrimSpace(seed) != "" {
			seeds = append(seeds, number(t, strings.TrimSpace(seed)))
		}
	}
	return seeds
}

// keep adds a seed to the file, unless it is there.
func keep(t *testing.T, seed uint64) {
	t.Helper()
	if slices.Contains(kept(t), seed) {
		return
	}
	path := seedFile(t)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Logf("seed %d is not kept: %v", seed, err)
		return
	}
	defer f.Close() //nolint:errcheck // a seed that is not kept is in the test's output
	_, err = fmt.Fprintf(f, "%d # say what it showed, and commit this\n", seed)
	t.Logf("seed %d is kept in %s: %v", seed, path, err)
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
