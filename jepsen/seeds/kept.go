package seeds

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func file(t *testing.T) string { return filepath.Join("testdata", "seeds", t.Name()) }

// kept lists the seeds that once failed.
func kept(t *testing.T) []uint64 {
	t.Helper()
	raw, err := os.ReadFile(file(t))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	seeds, err := parse(string(raw))
	if err != nil {
		t.Fatalf("%s: %v", file(t), err)
	}
	return seeds
}

func parse(text string) ([]uint64, error) {
	var seeds []uint64
	for line := range strings.Lines(text) {
		word, _, _ := strings.Cut(line, "#")
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		seed, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no seed", word)
		}
		seeds = append(seeds, seed)
	}
	return seeds, nil
}

// keep adds a seed, unless it is there.
func keep(t *testing.T, seed uint64) {
	t.Helper()
	if slices.Contains(kept(t), seed) {
		return
	}
	path := file(t)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintf(f, "%d # say what it showed, and commit this\n", seed)
		if closed := f.Close(); err == nil {
			err = closed
		}
	}
	t.Logf("seed %d goes to %s: %v", seed, path, err)
}
