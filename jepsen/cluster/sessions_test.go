//go:build unix

package cluster_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/checker"
	"github.com/hengedb/henge/jepsen/cluster"
	"github.com/hengedb/henge/jepsen/history"
)

// How many sessions there are, and how many keys each has to itself. The first half
// asks with strict, where a read is promised to see what was acknowledged before
// (law 5); the others with the usual knobs, where only failing is a fault.
const (
	sessionCount   = 4
	keysPerSession = 24
	sessionBucket  = "sessions"
)

// sessions write and read keys of their own through nodes that are not broken, each
// request sent once, and check every acknowledged write on the spot by a read through
// any other node. What they ask and are told is a history for the checkers.
type sessions struct {
	t        *testing.T
	recorder history.Recorder
	begun    time.Time
	wg       sync.WaitGroup
	end      chan struct{}

	// gate is held for reading by every request, and for writing by who breaks nodes.
	gate  sync.RWMutex
	nodes []*cluster.Node // guarded by gate

	mu     sync.Mutex // guards what follows
	took   map[string][]time.Duration
	phase  string
	failed []string
	wrong  []string
	stale  int // reads with the usual knobs that missed a write
	checks int
}

// startSessions begins the load.
func startSessions(t *testing.T, nodes ...*cluster.Node) *sessions {
	s := &sessions{t: t, begun: time.Now(), end: make(chan struct{}), nodes: nodes, took: make(map[string][]time.Duration), phase: "before"}
	for i := range sessionCount {
		c := &session{sessions: s, process: i, name: fmt.Sprintf("s%d", i), strict: i < sessionCount/2, keys: make(map[string]*owned), rand: rand.New(rand.NewPCG(7, uint64(i)))}
		s.wg.Go(c.run)
	}
	return s
}

// through has the sessions use these nodes from now on; no request to another is under
// way when it returns.
func (s *sessions) through(nodes ...*cluster.Node) {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.nodes = nodes
}

// at names what goes on, for the times that requests take.
func (s *sessions) at(phase string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = phase
}

// requests counts what was answered or failed so far.
func (s *sessions) requests() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, took := range s.took {
		n += len(took)
	}
	return n
}

// still waits for the requests under way and runs f while there are none.
func (s *sessions) still(f func()) {
	s.gate.Lock()
	defer s.gate.Unlock()
	f()
}

// stop ends the sessions, reads every key a last time from all its replicas, and
// judges.
func (s *sessions) stop() {
	t := s.t
	t.Helper()
	close(s.end)
	s.wg.Wait()
	final := &session{sessions: s, process: sessionCount, name: history.Final}
	for i := range sessionCount {
		for k := range keysPerSession {
			if _, err := final.get(s.nodes[k%len(s.nodes)], keyOf(i, k), "?r=all&timeout=10s"); err != nil {
				t.Errorf("the last read of %s: %v", keyOf(i, k), err)
			}
		}
	}
	s.tell()
	h := s.recorder.History()
	if err := h.Check(); err != nil {
		t.Fatalf("the recorder is broken: %v", err)
	}
	if report := checker.Check(h, sideAtLeast); report.Valid() != checker.Valid {
		t.Errorf("the history of the sessions:\n%s", report)
	}
}

// tell says what was counted, and what was wrong.
func (s *sessions) tell() {
	t := s.t
	t.Helper()
	for _, phase := range slices.Sorted(maps.Keys(s.took)) {
		all := s.took[phase]
		slices.Sort(all)
		t.Logf("%s: %d requests, median %s, p99 %s", phase, len(all), all[len(all)/2].Round(time.Microsecond), all[len(all)*99/100].Round(time.Microsecond))
	}
	t.Logf("sessions: %d acknowledged writes checked on the spot, %d of them wrong with strict, %d not yet seen without, %d requests failed",
		s.checks, len(s.wrong), s.stale, len(s.failed))
	for _, text := range slices.Concat(s.wrong[:min(maxTold, len(s.wrong))], s.failed[:min(maxTold, len(s.failed))]) {
		t.Error(text)
	}
	if s.checks == 0 {
		t.Error("the sessions checked nothing")
	}
}

// maxTold bounds how many complaints of a kind are shown.
const maxTold = 9

// sideAtLeast is how many nodes live and reach each other whatever the test breaks.
const sideAtLeast = 2
