package request

import (
	"fmt"
	"time"

	"github.com/hengedb/henge/ring"
)

// NoTTL is the TTL of a value that never expires, whatever its bucket's default is.
const NoTTL time.Duration = -1

// The bounds of a TTL, and of how far ahead a value may expire.
const (
	MinTTL = ring.MinTTL
	MaxTTL = ring.MaxTTL
)

// noTTL is NoTTL as text.
const noTTL = "none"

// ParseTTL reads a TTL: a Go duration, such as 90s or 720h, or "none", which is NoTTL.
// A number without a unit is none: some would take it for seconds, and others for
// milliseconds.
func ParseTTL(s string) (time.Duration, error) {
	if s == noTTL {
		return NoTTL, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%w: TTL %q; want a duration with its unit, such as 90s or 720h, or %s", ErrBadValue, s, noTTL)
	}
	if d <= 0 {
		return 0, fmt.Errorf("%w: TTL %q; want %s to %s, or %s", ErrBadValue, s, MinTTL, MaxTTL, noTTL)
	}
	return d, checkTTL(d)
}

// FormatTTL is the inverse of ParseTTL.
func FormatTTL(d time.Duration) string {
	if d == NoTTL {
		return noTTL
	}
	return d.String()
}

// ParseExpiresAt reads the time from which on a value is hidden, as RFC 3339 has it.
func ParseExpiresAt(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %q is no time; want one like 2026-01-02T15:04:05Z (RFC 3339)", ErrBadValue, s)
	}
	if t.IsZero() {
		return t, fmt.Errorf("%w: %q is before all clocks", ErrBadValue, s)
	}
	return t, checkExpiresAt(t)
}

// FormatExpiresAt is the inverse of ParseExpiresAt, to the millisecond.
func FormatExpiresAt(t time.Time) string {
	return t.Truncate(time.Millisecond).UTC().Format(time.RFC3339Nano)
}

// CheckExpiry refuses a TTL that is out of bounds, a time that cannot be written, and
// both at once. Whether a time has passed is for who holds the clock.
func CheckExpiry(o WriteOptions) error {
	if o.TTL != 0 && !o.ExpiresAt.IsZero() {
		return fmt.Errorf("%w: both a TTL and a time to expire at are given", ErrBadValue)
	}
	if err := checkTTL(o.TTL); err != nil {
		return err
	}
	return checkExpiresAt(o.ExpiresAt)
}

func checkTTL(d time.Duration) error {
	if d == 0 || d == NoTTL || (d >= MinTTL && d <= MaxTTL) {
		return nil
	}
	return fmt.Errorf("%w: TTL %s; want %s to %s, or %s", ErrBadValue, d, MinTTL, MaxTTL, noTTL)
}

// checkExpiresAt refuses what no clock of ours shows and RFC 3339 cannot write.
func checkExpiresAt(t time.Time) error {
	if t.IsZero() || (t.Unix() > 0 && t.UTC().Year() <= maxYear) {
		return nil
	}
	return fmt.Errorf("%w: a value cannot expire in the year %d", ErrBadValue, t.UTC().Year())
}

// maxYear is the last that RFC 3339 can write.
const maxYear = 9999
