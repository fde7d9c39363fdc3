// Package ring says who holds what: positions of keys, partitions, the versioned
// layout, preference lists, and the cluster document that carries them. It is pure:
// no I/O, no clock, no goroutine.
//
// The ring is the 64-bit hash space in Q equal partitions, a power of two, each with
// N replicas that the layout names (the third strategy of the Dynamo paper, section
// 6.2). A segment is 1/1024 of a partition.
//
//	0                                                              2^64
//	├── partition 0 ──┬── partition 1 ──┬─── ... ───┬── partition Q-1 ──┤
//	│  n1  n2  n3     │  n2  n3  n4     │           │  n4  n1  n2       │
//	│                 └─ fallbacks of 0, going round: n4, ...           │
//	├┬┬┬┬┬ ... ┬┬┬┬┬──┤ 1,024 segments
//
// The document is JSON. Its members, voters and buckets are sorted, so that one
// document has one encoding; unknown fields are kept in the bytes that were decided,
// and a document of a newer format is not edited:
//
//	┌─────────────────────────────────────────────────────────────────────────┐
//	│ format  cluster  secret  era{number,random}  version  partitions  replicas│
//	│ members[{id,name,zone,weight,http,rpc,gossip,going}]  voters[id]          │
//	│ layout[{serving[id],next[id],former[id],phase,changed}]  for each partition│
//	│ buckets[{name,generation,policy,owner,r,w,strict,unsynced,ttl_ms,...}]      │
//	│ settings{auto_buckets,r,w,strict,unsynced,timeout_ms,max_value_bytes,...}  │
//	│ expelled[id]  staged[step]  change{applied,steps[step],paused}            │
//	└─────────────────────────────────────────────────────────────────────────┘
//
// Its name is (era, version, hash): the first 16 bytes of the SHA-256 of the bytes.
package ring
