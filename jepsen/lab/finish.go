package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/jepsen/checker"
	"github.com/hengedb/henge/jepsen/history"
	"github.com/hengedb/henge/replication/request"
)

// beginAfter is when clients and faults begin: long after a cluster has formed and
// everybody has found everybody, and at the same instant however that went.
const beginAfter = formWithin + settled

// The end of a run, in virtual time: how long debts may take to be paid, and how
// long the repair behind a read is given.
const (
	drainWithin  = 5 * time.Minute
	repairWithin = 5 * time.Second
	finalTimeout = 10 * time.Second
	finalTries   = 5
)

// Recover ends all faults: links are healed and dead nodes started. It returns once
// all nodes serve and had time to find each other.
func (l *Lab) Recover(ctx context.Context) error {
	if err := l.Do(ctx, Step{Do: EndHeal}); err != nil {
		return err
	}
	for _, n := range l.Members() {
		if n.Process() == nil {
			if err := l.Do(ctx, Step{Do: EndStart, Node: n.name}); err != nil {
				return err
			}
		}
	}
	if err := l.settleChanges(ctx); err != nil {
		return err
	}
	for _, n := range l.Members() {
		if err := n.AwaitReady(ctx); err != nil {
			return err
		}
	}
	sleep(ctx, settled)
	return context.Cause(ctx)
}

// Drain waits until nobody owes a hint any more, and tells what is owed when it
// stops waiting.
func (l *Lab) Drain(ctx context.Context) []checker.Debt {
	for began := time.Now(); ; {
		members := l.Members()
		debts, total := make([]checker.Debt, 0, len(members)), int64(0)
		for _, n := range members {
			owed := n.Process().Status(ctx).Hints.Count
			debts, total = append(debts, checker.Debt{Node: n.name, Hints: owed}), total+owed
		}
		if total == 0 || time.Since(began) > drainWithin || !sleep(ctx, time.Second+time.Duration(len(debts))) {
			return debts
		}
		l.Sometimes.Saw("hints were waited for")
	}
}

// ReadAll reads every key of a workload from all replicas, each through another
// node, in one session. The session history.Final is for the last one.
func (l *Lab) ReadAll(ctx context.Context, w Workload, session string) {
	w.EnsureDefaults()
	careful, careless := w.keys()
	c := l.newClient(w.Clients, w.Bucket, session)
	members := l.Members()
	for i, key := range append(careful, careless...) {
		for try := range finalTries {
			n := members[(i+try)%len(members)]
			if c.get(ctx, n, key, henge.ReadOptions{R: request.All, Timeout: finalTimeout}) {
				break
			}
			sleep(ctx, time.Second)
		}
	}
}

// Dump asks every replica of every key of a workload what it holds.
func (l *Lab) Dump(ctx context.Context, w Workload) []checker.Dump {
	w.EnsureDefaults()
	careful, careless := w.keys()
	var dumps []checker.Dump
	asked := l.Members()[0]
	for _, key := range append(careful, careless...) {
		e, err := asked.Process().Explain(ctx, w.Bucket, key)
		if err != nil {
			dumps = append(dumps, checker.Dump{Bucket: w.Bucket, Key: key, Node: asked.name, Err: err.Error()})
			continue
		}
		for _, r := range e.Replicas {
			if r.Role != request.Primary {
				continue
			}
			d := checker.Dump{Bucket: w.Bucket, Key: key, Node: r.Name, State: stateOf(r), Entries: len(r.Context)}
			d.Actors, d.Twin = actorsOf(r)
			if r.Result != request.ResultOK {
				d.Err = fmt.Sprintf("%s %s", r.Result, r.Detail)
			}
			dumps = append(dumps, d)
		}
	}
	return dumps
}

// stateOf is all that a replica knows of a key, as text.
func stateOf(r request.ReplicaState) string {
	if r.Digest == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(r.Digest)
	for _, s := range r.Siblings {
		fmt.Fprintf(&b, " %s@%s/%d", s.Dot, s.Stamp, s.Size)
		if s.Tombstone {
			b.WriteString("x")
		}
	}
	fmt.Fprintf(&b, " %v", r.Context)
	return b.String()
}

// actorsOf counts the actors of a replica's siblings, and tells whether one that has not
// expired is not shown: its operation may have been minted twice, a delete's too.
func actorsOf(r request.ReplicaState) (count int, twin bool) {
	actors := make(map[string]bool)
	for _, s := range r.Siblings {
		actor, _, _ := strings.Cut(s.Dot, ":")
		actors[actor] = true
		twin = twin || !s.Shown && s.Expires.IsZero()
	}
	return len(actors), twin
}

// Scenario is one run: a cluster, what clients do, what is done to it, for how long.
type Scenario struct {
	Options  Options
	Workload Workload
	Plan     Plan
	Length   time.Duration // of the clients' work
	// Need is the side size from which on every operation must succeed; 0 is a
	// majority of the replicas.
	Need int
}

// Outcome is what a run left behind.
type Outcome struct {
	History   history.History
	Report    checker.Report
	Sometimes *Sometimes
}

// Run opens a cluster, lets clients and faults loose on it, ends the faults, waits
// until debts are paid, reads every key once from all replicas, and judges. It must
// be called inside a testing/synctest bubble. An error is a run that could not be
// made; what the cluster did wrong is in the report.
func Run(ctx context.Context, s Scenario) (Outcome, error) {
	s.Options.EnsureDefaults()
	if s.Need == 0 {
		s.Need = s.Options.Replicas/2 + 1
	}
	l, err := Open(ctx, s.Options)
	if err != nil {
		return Outcome{}, err
	}
	out, err := l.run(ctx, s)
	if closed := l.Close(); err == nil {
		err = closed
	}
	sleep(ctx, time.Minute) // what is left of timers ends
	return out, err
}

func (l *Lab) run(ctx context.Context, s Scenario) (Outcome, error) {
	if err := l.forgetSoon(ctx); err != nil {
		return Outcome{}, err
	}
	sleep(ctx, beginAfter-l.Now())
	stop, cancel := context.WithTimeout(ctx, s.Length)
	defer cancel()
	broke := make(chan error, 1)
	go func() { broke <- l.Apply(ctx, s.Plan) }()
	if err := l.Serve(ctx, stop, s.Workload); err != nil {
		return Outcome{}, err
	}
	if err := <-broke; err != nil {
		return Outcome{}, fmt.Errorf("faults: %w", err)
	}
	l.sawForgetting()
	if err := l.Recover(ctx); err != nil {
		return Outcome{}, fmt.Errorf("recover: %w", err)
	}
	end := l.repaired
	if s.Options.Forget.Grace > 0 {
		end = l.rested
	}
	atEnd := end(ctx, s.Workload)
	h := l.History.History()
	report := append(checker.Check(h, s.Need), atEnd...)
	if err := h.Check(); err != nil {
		return Outcome{}, fmt.Errorf("the recorder is broken: %w", err)
	}
	return Outcome{History: h, Report: report, Sometimes: l.Sometimes}, nil
}

// repaired has debts paid and each key read once, and compares the replicas.
func (l *Lab) repaired(ctx context.Context, w Workload) checker.Report {
	debts := l.Drain(ctx)
	l.ReadAll(ctx, w, "repair")
	sleep(ctx, repairWithin)
	dumps := l.Dump(ctx, w)
	l.ReadAll(ctx, w, history.Final)
	return checker.Report{checker.Converged(dumps, debts)}
}
