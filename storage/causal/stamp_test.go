package causal

import (
	"math"
	"testing"
	"time"
)

func TestStampsFollowTime(t *testing.T) {
	for name, test := range map[string]struct {
		at   time.Time
		want Stamp
	}{
		"the epoch":             {time.UnixMilli(0), 0},
		"before the epoch":      {time.UnixMilli(-1), 0},
		"a millisecond":         {time.UnixMilli(1), 1 << 16},
		"less than a whole one": {time.UnixMicro(1999), 1 << 16},
		"the last of all":       {time.UnixMilli(1<<48 - 1), (1<<48 - 1) << 16},
		"after the last of all": {time.UnixMilli(1 << 48), (1<<48 - 1) << 16},
	} {
		if got := StampOf(test.at); got != test.want {
			t.Errorf("%s has the stamp %d, want %d", name, got, test.want)
		}
	}
	if got := (StampOf(time.UnixMilli(77)) + 5).Time(); !got.Equal(time.UnixMilli(77)) {
		t.Errorf("a stamp of millisecond 77 tells %v", got)
	}
	if got := Stamp(7).Next(); got != 8 {
		t.Errorf("after 7 comes %d", got)
	}
	if got := Stamp(math.MaxUint64).Next(); got != math.MaxUint64 {
		t.Errorf("after the highest stamp comes %d", got)
	}
}
