package seeds

import (
	"slices"
	"testing"
)

func TestParseTakesOneSeedALine(t *testing.T) {
	got, err := parse("# those that failed\n17 # lost a put\n\n  4\n")
	if err != nil || !slices.Equal(got, []uint64{17, 4}) {
		t.Errorf("got %v, %v; want 17 and 4", got, err)
	}
	if got, err := parse("seventeen # lost a put\n"); err == nil {
		t.Errorf("got %v, want an error", got)
	}
}

func TestOverRunsKeptSeedsAndThenFreshOnes(t *testing.T) {
	t.Setenv("HENGE_SEED", "")
	t.Setenv("HENGE_SEEDS", "3")
	t.Setenv("HENGE_FROM", "10")
	var got []uint64
	Over(t, 0, 1, func(_ *testing.T, seed uint64) { got = append(got, seed) })
	if want := []uint64{8, 10, 11, 12}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	t.Setenv("HENGE_SEED", "5")
	got = nil
	Over(t, 0, 1, func(_ *testing.T, seed uint64) { got = append(got, seed) })
	if want := []uint64{5}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
}
