// Package replication answers puts and gets from N replicas: it coordinates
// quorums, keeps writes for absent replicas as hints, and repairs what reads find
// to differ.
//
// A put, as the Dynamo paper tells it (DeCandia et al., 2007, sections 4.5 and
// 4.6), and where each step stands:
//
//	client ── put ──▶ any node
//	                    │ route.go, forward.go: not a replica? one hop to one that is
//	                    ▼
//	                coordinator          put.go
//	                    │ mint.go: join, mint a dot, commit: one local read, one local commit
//	                    │ round.go: the whole object to the other replicas, at once
//	       ┌────────────┼────────────┐
//	       ▼            ▼            ▼
//	    replica      replica      fallback      replica.go: join under the key's lock,
//	       │            │            │          answer after the sync (R2)
//	       └──── answers until W ────┘
//	                    │ round.go: lost as early as won; late answers settle behind
//	                    ▼
//	                 receipt
//
// A get is the same picture with digests: the coordinator's own digest travels,
// a replica answers "same" or its whole object, and what differs is repaired
// behind the answer (get.go, repair.go).
//
// Who is asked is decided by placement.go from the layout (package ring) and from
// health.go, this node's own view of who answers: gossip plus what its own calls
// met. A node known to be away is not asked; the next one of the preference list
// takes its place and keeps a hint for it. Where no node is left to do so, a
// primary keeps a marker of its own: a hint without an object, which stands for
// what the holder itself stores under the key. Package handoff delivers both.
//
// While the layout changes (design R4) a partition has a second set beside who serves:
// a put goes to both and needs W in each, a read asks only who serves, and only who
// serves mints (placement.go, tally.go). Where a set is lost and no fallback is left, a
// request that is not strict counts the nodes of one set for the other too: a change
// refuses no write that W nodes can hold (law 4). The verbs of a change are edits of the cluster
// document (layout.go, plan.go); package transfer moves the data, and the phases.
//
// A put that is handed on to a coordinator behind a link that has just broken may arrive
// within its deadline and be minted a second time, after another coordinator has answered
// for it. With a context that makes twins, which reads show once. Without one it replaces
// what its coordinator holds by then, a later write of a moment ago included: a stated
// limit of writes without context, and of a second at most.
//
// One fault is known and not understood: in one of three long runs of real processes that
// grow and shrink under load, one deleted value of 86,000 to 136,000 acknowledged writes
// was shown again for a moment, beside what was written next.
//
// Messages between nodes are drawn in message.go; package rpc carries them, and
// names the sender's document version in each (R3).
package replication
