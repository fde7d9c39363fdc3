package replication

import "sync/atomic"

// Counters are what a node has done since it started. Each only grows.
type Counters struct {
	Messages      atomic.Int64 // joins and reads sent to other nodes
	Forwards      atomic.Int64 // requests handed on to a replica
	Slow          atomic.Int64 // requests over 50 ms
	Silent        atomic.Int64 // nodes that were silent beyond the cap
	Dirty         atomic.Int64 // writes a live replica was too slow for
	Repairs       atomic.Int64 // copies that read repair brought up to date
	RepairsFailed atomic.Int64
	Overloads     atomic.Int64 // requests refused for too many at work
	QuorumsLost   atomic.Int64
	Fenced        atomic.Int64 // partitions of which this node has turned out to have lost memory
	HintsRefused  atomic.Int64
	Inline        atomic.Int64 // work behind an answer that had to run before it
}
