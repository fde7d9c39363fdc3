package henge_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/ring"
)

func TestPhasesAndTheGovernorAreMeasured(t *testing.T) {
	registry := prometheus.NewRegistry()
	node := open(t, "node", henge.Options{Partitions: 8, Registry: registry, Seams: henge.Seams{FS: vfs.NewMem()}})
	if err := node.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	phases, paused, factor := map[string]float64{}, map[string]float64{}, 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "henge_change_partitions" {
				phases[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
			if f.GetName() == "henge_governor_paused" {
				paused[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
			if f.GetName() == "henge_governor_factor" {
				factor = m.GetGauge().GetValue()
			}
		}
	}
	if len(phases) != 6 || phases["steady"] != 8 || phases[string(ring.PhaseCopy)] != 0 {
		t.Errorf("partitions by phase: %v", phases)
	}
	if len(paused) != 5 || paused["transfers"] != 0 || factor != 1 {
		t.Errorf("paused %v, factor %v", paused, factor)
	}
}
