package request

import (
	"time"

	"github.com/hengedb/henge/ring"
)

// Salvage is what a node has set aside of partitions of which it had lost memory, and how
// far those are that it still is fenced in.
type Salvage struct {
	Sets   []SalvageSet      `json:"sets"`
	Fenced []FencedPartition `json:"fenced,omitempty"`
}

// SetAside counts what a node has set aside, and the partitions for which it counts as
// down until they are filled again.
type SetAside struct {
	Fenced  int   `json:"fenced"` // partitions
	Sets    int   `json:"sets"`
	Objects int64 `json:"objects"`
	Hints   int64 `json:"hints"`
	Bytes   int64 `json:"bytes"`
}

// SalvageSet is what was set aside of one partition at one time.
type SalvageSet struct {
	Set       uint32         `json:"set"`
	Partition ring.Partition `json:"partition"`
	Since     time.Time      `json:"since"`
	Why       string         `json:"why"`
	Objects   int64          `json:"objects"`
	Hints     int64          `json:"hints"` // that this node kept for others
	Bytes     int64          `json:"bytes"`
	Complete  bool           `json:"complete"` // the partition is filled again, and the set may be discarded
}

// FencedPartition is a partition of which a node has lost memory.
type FencedPartition struct {
	Partition ring.Partition `json:"partition"`
	Step      string         `json:"step"` // "set aside" or "refill"
	Aside     int64          `json:"aside,omitempty"`
	Refilled  int64          `json:"refilled,omitempty"`
	Waits     string         `json:"waits,omitempty"` // why it does not go on
	Alone     bool           `json:"alone,omitempty"` // no other replica is there to fill it
}

// SalvageOptions say which part of a set is looked at.
type SalvageOptions struct {
	Set    uint32 `json:"set"`
	Bucket string `json:"bucket,omitempty"` // empty: every bucket
	Prefix string `json:"prefix,omitempty"` // only keys that begin so
	After  string `json:"after,omitempty"`  // where the last call ended; empty: from the start
}

// Salvaged is what a look at a part of a set found.
type Salvaged struct {
	Set      uint32         `json:"set"`
	Looked   int64          `json:"looked"` // keys, hints apart from objects
	Lacking  []LackingValue `json:"lacking,omitempty"`
	Restored int64          `json:"restored,omitempty"`
	Next     string         `json:"next,omitempty"` // where to go on; empty: the set's end
}

// LackingValue is a value that was set aside and that the replicas do not know of: neither
// it nor a write that saw it. It may have been deleted and forgotten since.
type LackingValue struct {
	Bucket      string    `json:"bucket"`
	Key         string    `json:"key"`
	ID          string    `json:"id"` // of the write
	Modified    time.Time `json:"modified"`
	ContentType string    `json:"content_type,omitempty"`
	Size        int       `json:"size"`
	Restored    bool      `json:"restored,omitempty"`
	Error       string    `json:"error,omitempty"` // why it could not be compared, or restored
}
