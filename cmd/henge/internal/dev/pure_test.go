package dev

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestANodesNewsIsToldOnce(t *testing.T) {
	refused := errors.New("connection refused")
	answer := func(w *watched, err error, times int) (all []What) {
		for range times {
			if what, _ := w.saw(err, time.Now()); what != "" {
				all = append(all, what)
			}
		}
		return all
	}
	same := func(got []What, want ...What) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("events %v, want %v", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("events %v, want %v", got, want)
			}
		}
	}
	w := &watched{health: up}
	same(answer(w, nil, 5))
	same(answer(w, refused, silentAfter-1))
	same(answer(w, nil, 1)) // a few slow answers are no news
	same(answer(w, refused, 3*silentAfter), Silent)
	same(answer(w, nil, 3), Back)
	w.died(time.Now())
	same(answer(w, refused, 3*silentAfter))
	same(answer(w, nil, 3), Back)
}

func TestABackNodeIsToldWithHowLongItWasAway(t *testing.T) {
	now := time.Now()
	w := &watched{}
	w.died(now)
	if _, detail := w.saw(nil, now.Add(3*time.Second)); !strings.Contains(detail, "by hand 3s after") {
		t.Errorf("told %q", detail)
	}
}

func options(dir string) Options {
	return Options{Executable: "/usr/bin/henge", Nodes: 3, Dir: dir, BasePort: 7420, Pass: []string{"--local-gossip"}, StopFlag: "--stop-at-eof"}
}

func TestTheServeLinesStartTheSameCluster(t *testing.T) {
	want := []string{
		"/usr/bin/henge serve --data '/tmp/my cluster/n1/data' --name n1 --zone z1 --http 127.0.0.1:7420 --rpc 127.0.0.1:7421 --gossip 127.0.0.1:7422 --init --expect 3 --auto-join --local-gossip",
		"/usr/bin/henge serve --data '/tmp/my cluster/n2/data' --name n2 --zone z2 --http 127.0.0.1:7430 --rpc 127.0.0.1:7431 --gossip 127.0.0.1:7432 --join 127.0.0.1:7422 --local-gossip",
		"/usr/bin/henge serve --data '/tmp/my cluster/n3/data' --name n3 --zone z3 --http 127.0.0.1:7440 --rpc 127.0.0.1:7441 --gossip 127.0.0.1:7442 --join 127.0.0.1:7422 --join 127.0.0.1:7432 --local-gossip",
	}
	for i, n := range plan(options("/tmp/my cluster")) {
		if got := filepath.ToSlash(n.ServeLine("/usr/bin/henge")); got != want[i] {
			t.Errorf("line %d is\n%s\nwant\n%s", i, got, want[i])
		}
	}
}

func TestTheWelcomeReadsWell(t *testing.T) {
	var nodes []NodeInfo
	for i, n := range plan(options("/tmp/c")) {
		nodes = append(nodes, NodeInfo{Name: n.Name, PID: 100 + i, URL: n.URL(), Data: "/tmp/c/" + n.Name + "/data", Serve: "henge serve --name " + n.Name})
	}
	want, err := os.ReadFile("testdata/welcome.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := welcome(nodes, 7420); got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOptionsNameEveryProblem(t *testing.T) {
	o := Options{Nodes: 40, BasePort: 65_500}
	err := o.Validate()
	for _, want := range []string{"40 nodes", "65500", "directory"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %q", err, want)
		}
	}
}

func TestALogsTailIsItsLastLines(t *testing.T) {
	n := Node{Dir: t.TempDir()}
	if got := n.tail(2); len(got) != 1 || !strings.Contains(got[0], "log") {
		t.Errorf("the tail of no log is %q, want one line that says so", got)
	}
	text := bytes.Repeat([]byte("0123456789\n"), 5000)
	if err := os.WriteFile(n.Log(), append(text, "last but one\nlast\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(n.tail(2), "|"); got != "last but one|last" {
		t.Errorf("the tail is %q", got)
	}
}
