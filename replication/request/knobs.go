package request

import (
	"fmt"
	"strconv"
	"time"
)

// Count is how many distinct nodes must answer: a positive number, or one of
// the words below. It is resolved against the replica count of the partition.
type Count int

// The words a Count can be.
const (
	Default Count = 0  // the bucket's, else the cluster's, else Quorum
	Quorum  Count = -1 // a majority of the replicas
	All     Count = -2 // every replica
)

// maxCount bounds a Count that is a number; no ring keeps more replicas.
const maxCount = 64

// ParseCount reads "one", "quorum", "all" or a positive number.
func ParseCount(s string) (Count, error) {
	switch s {
	case "one":
		return 1, nil
	case "quorum":
		return Quorum, nil
	case "all":
		return All, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxCount {
		return 0, fmt.Errorf("%q is not a count: want one, quorum, all or a number from 1 to %d", s, maxCount)
	}
	return Count(n), nil
}

// String is the inverse of ParseCount; Default is "default".
func (c Count) String() string {
	switch c {
	case Default:
		return "default"
	case Quorum:
		return "quorum"
	case All:
		return "all"
	}
	return strconv.Itoa(int(c))
}

// Resolve turns c into a number of nodes among n replicas. It fails for a number
// above n, or one that is no Count.
func (c Count) Resolve(n int) (int, error) {
	switch {
	case c == Default, c == Quorum:
		return n/2 + 1, nil
	case c == All:
		return n, nil
	case c < 0:
		return 0, fmt.Errorf("%w: %d is not a count", ErrBadKnob, int(c))
	case int(c) > n:
		return 0, fmt.Errorf("%w: %d nodes are asked for, but the partition has %d replicas", ErrBadKnob, int(c), n)
	}
	return int(c), nil
}

// Switch is a yes or no that may be left to the bucket and the cluster.
type Switch int8

// The positions of a Switch.
const (
	Unset Switch = iota
	On
	Off
)

// SwitchOf turns a plain bool into a set Switch.
func SwitchOf(on bool) Switch {
	if on {
		return On
	}
	return Off
}

// Or is s when it is set, else fallback.
func (s Switch) Or(fallback bool) bool {
	if s == Unset {
		return fallback
	}
	return s == On
}

// DefaultTimeout is how long a request may take when nobody says otherwise:
// long beside a healthy cluster's milliseconds, short beside a person's patience.
const DefaultTimeout = time.Second

// MaxTimeout bounds what a request may ask for; work in flight is bounded by
// count, so a longer one would hold its place for nothing.
const MaxTimeout = time.Minute

// ReadOptions are the knobs of one read. The zero value asks for the bucket's
// defaults, and those for the cluster's.
type ReadOptions struct {
	R       Count         // how many replicas' answers the result must hold
	Strict  Switch        // On: primaries only, no fallback's answer counts
	Timeout time.Duration // 0 is the default; above MaxTimeout is refused
	NoValue bool          // HEAD: everything but the values' bytes
	Trace   string        // a traceparent to keep in logs and errors
}

// WriteOptions are the knobs of one put or delete.
type WriteOptions struct {
	W           Count         // how many distinct nodes must hold the write
	Strict      Switch        // On: primaries only, no hinted write counts
	Unsynced    Switch        // On: acknowledge before the disk is synced
	Timeout     time.Duration // 0 is the default; above MaxTimeout is refused
	Context     Context       // of the read that this write replaces; empty: what the coordinator holds
	IfMatch     string        // an ETag that the value must have, or "*": it must exist
	IfNoneMatch string        // "*": no value may exist; or an ETag it must not have
	ContentType string        // of the value; empty is application/octet-stream
	Meta        map[string]string
	// TTL is how long the value is shown; 0 is the bucket's default, NoTTL for ever.
	TTL time.Duration
	// ExpiresAt is from when on the value is hidden, to the millisecond; zero leaves it
	// to TTL. One that has passed is ErrBadValue.
	ExpiresAt time.Time
	OpID      string // names the operation across retries; empty: one is made
	Return    bool   // answer with the value that the coordinator holds afterwards
	Trace     string // a traceparent to keep in logs and errors
}

// ScanOptions bound a listing of keys.
type ScanOptions struct {
	Prefix string // only keys that begin so
	Cursor string // where an earlier listing stopped; empty is the beginning
	Limit  int    // at most so many keys; 0 is no bound
	Strict Switch // On: fallbacks are not asked
	Values bool   // give each key's values too
	// Timeout bounds each page, not the scan. 0 is the default.
	Timeout time.Duration
}
