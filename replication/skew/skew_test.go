package skew

import (
	"testing"
	"time"

	"github.com/hengedb/henge/ring"
)

func TestTheMedianIsOfAMajority(t *testing.T) {
	for name, tc := range map[string]struct {
		others []time.Duration
		want   time.Duration
	}{
		"nobody was heard":           {nil, 0},
		"one says otherwise":         {[]time.Duration{time.Hour}, 0},
		"two say otherwise":          {[]time.Duration{time.Hour, time.Hour + time.Second}, time.Hour},
		"two contradict each other":  {[]time.Duration{time.Hour, -time.Hour}, 0},
		"one of two agrees":          {[]time.Duration{time.Hour, time.Second}, time.Second},
		"half say otherwise":         {[]time.Duration{time.Hour, time.Hour, time.Second}, time.Second},
		"three of four say it ahead": {[]time.Duration{-time.Hour, -time.Hour, -2 * time.Hour, 0}, -time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			offsets := map[ring.NodeID]time.Duration{9: 0}
			for i, o := range tc.others {
				offsets[ring.NodeID(i+1)] = o
			}
			if got := median(offsets); got != tc.want {
				t.Errorf("the median of %v and this node's is %v, want %v", tc.others, got, tc.want)
			}
		})
	}
}
