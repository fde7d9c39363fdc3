//go:build unix

package cluster

import (
	"testing"
	"time"
)

// shownLines is how much of each node's log a failed test shows: some seconds.
const shownLines = 12

// Run starts a cluster for a test. At the test's end it is killed, and the ends of its
// logs are shown if the test failed.
func Run(t testing.TB, o Options) *Cluster {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if !t.Failed() {
			return
		}
		for _, n := range c.nodes {
			t.Logf("the log of %s ends:\n%s", n.Name, n.tail(shownLines))
		}
	})
	return c
}

// Eventually asks until ok says yes, and fails the test with what was seen last when
// that takes longer than within. It returns how long it took.
func Eventually(t testing.TB, within time.Duration, what string, ok func() (yes bool, seen string)) time.Duration {
	t.Helper()
	begun := time.Now()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		yes, seen := ok()
		if yes {
			return time.Since(begun)
		}
		if time.Since(begun) > within {
			t.Fatalf("%s: not within %s; last seen: %s", what, within, seen)
		}
		<-ticker.C
	}
}
