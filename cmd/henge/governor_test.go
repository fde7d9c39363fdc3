package main

import (
	"testing"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

func TestBackgroundWorkIsShownPausedAndBounded(t *testing.T) {
	s := node(t)
	want(t, "show", s.sh(exit.OK, "governor", "show").out, "budget 64.0 MiB/s", "the cluster's setting", "transfers", "runs")
	want(t, "pause", s.sh(exit.OK, "governor", "pause", "transfers", "hints").out, "paused")
	want(t, "status", s.sh(exit.OK, "status").out, "paused: hints, transfers on ")
	var g struct {
		MiBps   float64 `json:"mibps"`
		Classes []struct {
			Class  string
			Paused bool
		}
	}
	s.json(&g, "governor", "set", "--mibps", "16")
	if g.MiBps != 16 || len(g.Classes) != 5 || !g.Classes[2].Paused || g.Classes[2].Class != "transfers" || g.Classes[1].Paused {
		t.Errorf("the governor reads %+v", g)
	}
	s.json(&g, "governor", "resume", "hints")
	if g.Classes[0].Paused || !g.Classes[2].Paused {
		t.Errorf("with hints resumed it reads %+v", g)
	}
	s.json(&g, "governor", "pause")
	s.json(&g, "governor", "resume")
	for _, c := range g.Classes {
		if c.Paused {
			t.Errorf("%s is paused after all were resumed", c.Class)
		}
	}
	want(t, "an unknown class", s.sh(exit.Usage, "governor", "pause", "x").err, "hints exchange transfers")
	want(t, "no budget", s.sh(exit.Usage, "governor", "set").err, "--mibps")
	want(t, "names", s.sh(exit.OK, "__complete", "governor", "pause", "").out, "reaping\n")
}
