package replication

import "testing"

func TestTally(t *testing.T) {
	for name, tc := range map[string]struct {
		tally     tally
		met, lost bool
		short     int
	}{
		"nobody has answered yet":                           {tally{serving: quorum{need: 2, pending: 3}}, false, false, 0},
		"enough answered":                                   {tally{serving: quorum{need: 2, got: 2, pending: 1}}, true, false, 0},
		"one is silent, and the others suffice":             {tally{serving: quorum{need: 2, got: 1, pending: 1, silent: 1, spare: 2}}, false, false, 0},
		"one is silent, and a spare must take its place":    {tally{serving: quorum{need: 2, got: 1, silent: 1, spare: 2}}, false, false, 1},
		"two are silent":                                    {tally{serving: quorum{need: 3, got: 1, silent: 2, spare: 1}}, false, false, 2},
		"a silent node may still answer":                    {tally{serving: quorum{need: 2, got: 1, silent: 1}}, false, false, 1},
		"lost as soon as too few can count":                 {tally{serving: quorum{need: 2, got: 1}}, false, true, 1},
		"lost with answers outstanding that cannot suffice": {tally{serving: quorum{need: 3, got: 1, pending: 1}}, false, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.tally.met(); got != tc.met {
				t.Errorf("met() = %v, want %v", got, tc.met)
			}
			if got := tc.tally.lost(); got != tc.lost {
				t.Errorf("lost() = %v, want %v", got, tc.lost)
			}
			if got := tc.tally.short(); got != tc.short {
				t.Errorf("short() = %d, want %d", got, tc.short)
			}
		})
	}
}
