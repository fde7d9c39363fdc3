package lab

import (
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/seeds"
)

// What is deleted or expires is reaped, and contexts are narrowed, all the time, while
// faults of all kinds go on, a disk is lost, and clients write and write again: laws 1 to 3
// hold, and then the cluster comes to rest by itself, with nothing left of what is gone.
func TestForgetsUnderFaults(t *testing.T) {
	const length = 2 * time.Minute
	nodes := []string{"n1", "n2", "n3", "n4", "n5"}
	pace := ForgetSoon()
	pace.Silent = 10 * time.Second
	var all Sometimes
	seeds.Over(t, 10*time.Second, 5, func(t *testing.T, seed uint64) {
		out := judge(t, Scenario{
			Options: Options{Nodes: len(nodes), Seed: seed, Forget: pace}, Length: length,
			Workload: Workload{Clients: 5, Keys: 24, Pause: 700 * time.Millisecond, Mortal: true, Careful: seed%2 == 0, Strict: seed%4 == 0},
			Plan:     DrawForgets(seed, nodes, length),
		})
		all.Add(out.Sometimes)
	})
	if _, alone := seeds.Single(); alone {
		t.Log(all.Counts())
		return
	}
	if missing := all.Missing(
		"keys reaped amid the faults", "contexts narrowed amid the faults", "rounds ended early", "fault wipe",
		"a delete was acknowledged", "a value that expires was acknowledged",
	); len(missing) > 0 {
		t.Errorf("never happened: %q", missing)
	}
	t.Log(all.Counts())
}

// The same, while nodes join, leave and are replaced: what a former owner, or a newcomer
// that was to be one, still holds comes back nowhere.
func TestForgetsWhileTheLayoutChanges(t *testing.T) {
	const length = 3 * time.Minute
	members, spares := []string{"n1", "n2", "n3", "n4"}, []string{"n5", "n6", "n7"}
	var all Sometimes
	seeds.Over(t, 5*time.Second, 3, func(t *testing.T, seed uint64) {
		plan := DrawChanges(seed, members, spares, length)
		if seed%4 != 0 { // else nothing but changes
			plan = plan.With(Draw(seed, members, length, AllFaults()))
		}
		out := judge(t, Scenario{
			Options: Options{Nodes: len(members), Spares: len(spares), Seed: seed, Forget: ForgetSoon()}, Length: length,
			Workload: Workload{Clients: 5, Keys: 24, Pause: 700 * time.Millisecond, Mortal: true, Careful: true, Strict: seed%2 == 0}, Plan: plan,
		})
		all.Add(out.Sometimes)
	})
	if _, alone := seeds.Single(); alone {
		return
	}
	if missing := all.Missing("keys reaped amid the faults", "a layout change completed: add"); len(missing) > 0 {
		t.Errorf("never happened: %q", missing)
	}
	t.Log(all.Counts())
}

func TestDrawnDisksAreLostOnceAndWhileTheirNodesAreDead(t *testing.T) {
	nodes := []string{"n1", "n2", "n3", "n4", "n5"}
	kinds := map[Kind]int{}
	for seed := range uint64(200) {
		dead, copied, lost := "", "", 0
		for _, s := range DrawForgets(seed, nodes, 2*time.Minute) {
			kinds[s.Do]++
			switch s.Do {
			case FaultKill, FaultPower:
				dead = s.Node
			case EndStart:
				dead = ""
			case FaultCopy:
				copied = s.Node
			case FaultWipe, FaultRestore:
				if lost++; dead != s.Node || s.Do == FaultRestore && copied != s.Node {
					t.Errorf("seed %d: %v while %q is dead, and %q was copied", seed, s, dead, copied)
				}
			case FaultSplit, FaultOneWay, FaultSlow, FaultReset, EndHeal, ChangeAdd, ChangeGo, ChangeSwap:
			}
			if s.String() == "" {
				t.Errorf("seed %d: a step without words: %+v", seed, s)
			}
		}
		if lost > 1 {
			t.Errorf("seed %d: %d disks are lost", seed, lost)
		}
	}
	for _, kind := range []Kind{FaultWipe, FaultCopy, FaultRestore} {
		if kinds[kind] < 20 {
			t.Errorf("200 seeds drew %d times %q", kinds[kind], kind)
		}
	}
}
