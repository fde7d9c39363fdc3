package lab

import (
	"slices"
	"testing"
	"time"
)

func TestDrawnPlansAreTheirSeedsAndEndWhatTheyBegin(t *testing.T) {
	nodes := []string{"n1", "n2", "n3", "n4", "n5"}
	kinds := make(map[Kind]int)
	for seed := range uint64(200) {
		plan := Draw(seed, nodes, 2*time.Minute, AllFaults())
		if again := Draw(seed, nodes, 2*time.Minute, AllFaults()); len(again) != len(plan) {
			t.Fatalf("seed %d draws %d steps, then %d", seed, len(plan), len(again))
		}
		dead := ""
		for i, step := range plan {
			kinds[step.Do]++
			if i > 0 && step.At < plan[i-1].At {
				t.Errorf("seed %d: %v comes after what is at %v", seed, step, plan[i-1].At)
			}
			if step.String() == "" {
				t.Errorf("seed %d: a step without words: %+v", seed, step)
			}
			switch step.Do {
			case FaultKill, FaultPower:
				if dead != "" {
					t.Errorf("seed %d: %v while %s is dead", seed, step, dead)
				}
				dead = step.Node
			case EndStart:
				if dead != step.Node {
					t.Errorf("seed %d: %v, but %q is dead", seed, step, dead)
				}
				dead = ""
			case FaultSplit:
				all := slices.Concat(step.Groups...)
				slices.Sort(all)
				if !slices.Equal(all, nodes) || len(step.Groups) < 2 {
					t.Errorf("seed %d: %v does not share out all nodes", seed, step)
				}
			case FaultOneWay:
				if step.From == step.To {
					t.Errorf("seed %d: %v", seed, step)
				}
			case FaultSlow, FaultReset, EndHeal:
			}
		}
		if dead != "" {
			t.Errorf("seed %d: %s stays dead", seed, dead)
		}
	}
	for _, kind := range append(AllFaults(), EndStart, EndHeal) {
		if kinds[kind] < 20 {
			t.Errorf("200 seeds drew %d times %q", kinds[kind], kind)
		}
	}
}

func TestSometimesTellsWhatNeverHappened(t *testing.T) {
	var s, more Sometimes
	s.Saw("rain")
	s.SawIf(false, "snow")
	more.SawIf(true, "rain")
	s.Add(&more)
	if got := s.Counts()["rain"]; got != 2 {
		t.Errorf("it rained %d times; want 2", got)
	}
	if got := s.Missing("rain", "snow"); !slices.Equal(got, []string{"snow"}) {
		t.Errorf("missing %q; want snow", got)
	}
}
