package seeds

import (
	"math"
	"os"
	"strconv"
	"testing"
	"time"
)

// Single is the one seed that HENGE_SEED names, for tests that can tell more of it.
func Single() (seed uint64, ok bool) {
	seed, err := strconv.ParseUint(os.Getenv("HENGE_SEED"), 10, 64)
	return seed, err == nil
}

// Over has try run the kept seeds, then fresh ones: as many as HENGE_SEEDS says, or
// else until budget has passed, but at least least. It stops at the first seed that
// fails, keeps it, and logs how many were run.
func Over(t *testing.T, budget time.Duration, least uint64, try func(t *testing.T, seed uint64)) {
	t.Helper()
	if seed, ok := Single(); ok {
		try(t, seed)
		return
	}
	began, most, from := time.Now(), number(t, "HENGE_SEEDS", 0), number(t, "HENGE_FROM", 1)
	if most > 0 {
		budget, least = math.MaxInt64, most
	}
	old := kept(t)
	run := func(seed uint64) {
		try(t, seed)
		if t.Failed() {
			keep(t, seed)
			t.Fatalf("seed %d failed; HENGE_SEED=%d runs it alone", seed, seed)
		}
	}
	for _, seed := range old {
		run(seed)
	}
	var done uint64
	for ; done < least || (most == 0 && time.Since(began) < budget); done++ {
		run(from + done)
	}
	t.Logf("%d seeds from %d, and %d that once failed, in %v", done, from, len(old), time.Since(began).Round(time.Millisecond))
}

// number reads an environment variable.
func number(t *testing.T, name string, unset uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return unset
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q: want a number", name, text)
	}
	return n
}
