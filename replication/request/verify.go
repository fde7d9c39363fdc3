package request

import (
	"time"

	"github.com/hengedb/henge/ring"
)

// VerifyOptions say which part of a partition is compared.
type VerifyOptions struct {
	Partition ring.Partition `json:"partition"`
	Bucket    string         `json:"bucket,omitempty"` // empty: every bucket
	After     string         `json:"after,omitempty"`  // where the last call ended; empty: from the start
	Repair    bool           `json:"repair,omitempty"` // have the replicas of what differs join each other's
}

// Verification is what comparing a part of a partition found.
type Verification struct {
	Partition ring.Partition `json:"partition"`
	Replicas  int            `json:"replicas"` // compared
	Keys      int64          `json:"keys"`     // compared, deleted ones too
	// Away are the replicas that could not be asked: nothing is known of what they hold.
	Away      []string       `json:"away,omitempty"`
	Differing []DifferingKey `json:"differing,omitempty"` // after a repair, if one was asked for
	Repaired  int64          `json:"repaired,omitempty"`
	Next      string         `json:"next,omitempty"` // where to go on; empty: the partition's end
	Took      time.Duration  `json:"took_ns"`
}

// DifferingKey is a key of which not all replicas hold the same.
type DifferingKey struct {
	Bucket  string            `json:"bucket"`
	Key     string            `json:"key"`
	Digests map[string]string `json:"digests"` // by the replica's name; empty: it holds nothing
}
