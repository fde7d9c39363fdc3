package lab

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/jepsen/checker"
	"github.com/hengedb/henge/jepsen/history"
	"github.com/hengedb/henge/jepsen/seeds"
	"github.com/hengedb/henge/ring"
)

// Nodes join, leave and replace one that died for ever, in the seed's own order, while
// faults of all kinds go on and clients write: laws 1 to 4 and 6 hold, the members end
// with one document, and all replicas of every key are identical.
func TestChangesUnderFaults(t *testing.T) {
	const length = 3 * time.Minute
	members, spares := []string{"n1", "n2", "n3", "n4"}, []string{"n5", "n6", "n7"}
	var all Sometimes
	seeds.Over(t, 6*time.Second, 3, func(t *testing.T, seed uint64) {
		plan := DrawChanges(seed, members, spares, length)
		if seed%4 != 0 { // else nothing but changes
			plan = plan.With(Draw(seed, members, length, AllFaults()))
		}
		out := judge(t, Scenario{
			Options: Options{Nodes: len(members), Spares: len(spares), Seed: seed}, Length: length,
			Workload: Workload{Careful: true, Strict: seed%2 == 0}, Plan: plan,
		})
		all.Add(out.Sometimes)
	})
	if _, alone := seeds.Single(); alone {
		return
	}
	if missing := all.Missing(
		"a layout change completed: add", "a layout change completed: remove", "a layout change completed: swap",
		"a change under way was edited: pause", "a change under way was edited: revert", "a change was amended",
	); len(missing) > 0 {
		t.Errorf("never happened: %q", missing)
	}
	t.Log(all.Counts())
}

// A split leaves a change without a majority of the voters: it waits, while clients are
// served on both sides, and goes on by itself once they hear each other again.
func TestAChangeWithoutAMajorityWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		l, err := Open(ctx, Options{Nodes: 4, Spares: 1, Seed: 1, Logger: logger()})
		if err != nil {
			t.Fatal(err)
		}
		sleep(ctx, beginAfter-l.Now())
		n1, spare := l.Node("n1"), l.Node("n5")
		spare.setPart(true, false)
		if err := spare.Start(ctx); err != nil {
			t.Fatal(err)
		}
		for l.apply(ctx, n1.Process(), henge.LayoutStep{Verb: ring.VerbAdd, Node: "n5"}) != nil {
			sleep(ctx, time.Second)
		}
		sleep(ctx, 50*time.Millisecond) // everybody has heard of it, and nothing is done
		if err := l.Do(ctx, Step{Do: FaultSplit, Groups: [][]string{{"n1", "n2"}, {"n3", "n4", "n5"}}}); err != nil {
			t.Fatal(err)
		}
		stop, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		w := Workload{Careful: true}
		if err := l.Serve(ctx, stop, w); err != nil {
			t.Fatal(err)
		}
		for _, n := range l.Members() {
			change := n.Process().LayoutProgress(ctx).Change
			if change == nil {
				t.Errorf("%s: the change is over, with 2 of 4 voters on each side", n.name)
			} else if len(change.Waiting) == 0 || change.Waiting[0] != "waiting for a majority of voters: 2 of 4 answer" {
				t.Errorf("%s: the change waits for %q", n.name, change.Waiting)
			}
		}
		if err := l.Recover(ctx); err != nil {
			t.Fatal(err)
		}
		if !l.changed() {
			t.Error("the change is not complete after healing")
		}
		l.ReadAll(ctx, w, history.Final)
		if r := checker.Check(l.History.History(), 2); r.Valid() != checker.Valid {
			t.Errorf("%v", r)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		sleep(ctx, time.Minute)
	})
}
