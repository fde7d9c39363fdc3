package lab

import "time"

// mix is the finaliser of splitmix64: every bit of the input moves every bit of
// the output.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// chance draws a number from what names one event, not from a shared source: which
// goroutine asks first is then no matter, and taking one event away does not
// change what the others draw.
func chance(parts ...uint64) uint64 {
	var x uint64
	for _, part := range parts {
		x = mix(x ^ part)
	}
	return x
}

// text turns a name into a number for chance.
func text(s string) uint64 {
	var x uint64
	for i := range len(s) {
		x = mix(x ^ uint64(s[i]))
	}
	return x
}

// within spreads a draw over [0, d).
func within(draw uint64, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(draw % uint64(d))
}

// instant names the present. In a bubble it is exact and the same in every run; a
// number that counts what came before would shift all later draws with one event.
func instant() uint64 { return uint64(time.Now().UnixNano()) } //nolint:gosec // far from any bound
