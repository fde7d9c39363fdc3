package lab

import (
	"context"
	"slices"
	"time"

	"github.com/hengedb/henge/jepsen/checker"
	"github.com/hengedb/henge/jepsen/history"
)

// How long a cluster that is left alone may take to come to rest, and how long it is
// watched then, in virtual time.
const (
	restWithin = 10 * time.Minute
	restFor    = 10 * time.Minute
)

// efforts are the counters of a node that stand still at rest. Comparisons of roots go on.
var efforts = []string{
	"henge_read_repairs_total", "henge_read_repairs_failed_total", "henge_hints_delivered_total", "henge_hints_failed_total",
	"henge_exchange_pulled_total", "henge_exchange_pushed_total", "henge_exchange_segments_total", "henge_transfer_pushed_total",
	"henge_reap_rounds_total", "henge_reap_rounds_ended_total", "henge_reaped_keys_total", "henge_narrowed_contexts_total",
	"henge_fenced_total", "henge_actor_alarms_total", "henge_exchange_wrong_leaves_total",
}

// ComeToRest waits until no node has anything left to do, and tells what is left when it
// stops waiting. Nobody asks the cluster anything meanwhile but how it is.
func (l *Lab) ComeToRest(ctx context.Context) []checker.Work {
	for began := time.Now(); ; {
		left, done := l.work(ctx)
		if (done && l.changed()) || time.Since(began) > restWithin || !sleep(ctx, time.Second) {
			return left
		}
	}
}

func (l *Lab) work(ctx context.Context) (left []checker.Work, done bool) {
	done = true
	for _, n := range l.Members() {
		p := n.Process()
		if p == nil {
			done = false
			continue
		}
		s := p.Status(ctx)
		w := checker.Work{Node: n.name, Hints: s.Hints.Count, Dirty: s.Dirty.Segments, Fenced: int(l.metric(n, "henge_fenced_partitions"))}
		if d := s.Deletes; d != nil {
			w.Deleted, w.Wide, w.Why = d.Keys, d.Wide, d.Waiting
		}
		left, done = append(left, w), done && w.Done()
	}
	return left, done
}

// Efforts tells what each member has done so far.
func (l *Lab) Efforts() (done []checker.Effort) {
	for _, n := range l.Members() {
		e := checker.Effort{Node: n.name, Count: map[string]float64{}}
		for name, value := range l.metrics(n) {
			if slices.Contains(efforts, name) {
				e.Count[name] = value
			}
		}
		done = append(done, e)
	}
	return done
}

func (l *Lab) metric(n *Node, name string) float64 { return l.metrics(n)[name] }

// metrics are the counters and gauges of a node that have no labels.
func (l *Lab) metrics(n *Node) map[string]float64 {
	p := n.Process()
	if p == nil {
		return nil
	}
	families, err := p.Metrics().Gather()
	if err != nil {
		l.leaked(err)
		return nil
	}
	values := make(map[string]float64, len(families))
	for _, f := range families {
		if m := f.GetMetric(); len(m) == 1 && len(m[0].GetLabel()) == 0 {
			values[f.GetName()] = m[0].GetCounter().GetValue() + m[0].GetGauge().GetValue()
		}
	}
	return values
}

// sawForgetting counts what was reaped so far, while faults went on.
func (l *Lab) sawForgetting() {
	for _, n := range l.Members() {
		m := l.metrics(n)
		l.Sometimes.add("keys reaped amid the faults", int(m["henge_reaped_keys_total"]))
		l.Sometimes.add("contexts narrowed amid the faults", int(m["henge_narrowed_contexts_total"]))
		l.Sometimes.add("rounds ended early", int(m["henge_reap_rounds_ended_total"]))
		l.Sometimes.add("partitions fenced", int(m["henge_fenced_total"]))
	}
}

// rested leaves the cluster alone and judges how it comes to rest, without any client's
// help (law 2), and stays so.
func (l *Lab) rested(ctx context.Context, w Workload) checker.Report {
	left := l.ComeToRest(ctx)
	before := l.Efforts()
	sleep(ctx, restFor)
	dumps := l.Dump(ctx, w)
	l.ReadAll(ctx, w, history.Final)
	sleep(ctx, repairWithin)
	debts := make([]checker.Debt, len(left))
	for i, n := range left {
		debts[i] = checker.Debt{Node: n.Node, Hints: n.Hints}
	}
	return checker.Report{checker.Rest(left, before, l.Efforts()), checker.Converged(dumps, debts), checker.Narrow(dumps)}
}
