// Package heal rebuilds what a disk has damaged from the other replicas.
//
// A store remembers which of its tables met a damaged block: in a read, a compaction, or
// the building of a hash tree. Until it is rebuilt the keys in it are answered with an
// error, which the quorum bears. A healer takes one damaged table after the other:
//
//	damage ── Locate ──▶ the spans that cannot be read
//	                       │  for each partition in a span, from every other node that
//	                       │  serves it and is up: all that it has there
//	                       ▼
//	                     Rebuild: what reads here, joined with what they have, in one change
//
// Where no other node that serves a partition is up, nothing is changed: it is told, and
// tried again. A node whose own copy is damaged in the same place is left out as long as
// another one answers: of a write that only these two hold, the second one's copy may
// then be shipped by an exchange only after a read has missed it.
//
// What a node says it holds of a span it says after a sync (R2), and by a document that
// knows of no later change of the partition than the asker's (R3); the store checks that
// again under its locks.
//
//	ask     ┌───────────┬────────────┬───────────┬───────┐
//	        │ partition │ first 8 B  │ last 8 B  │ place │   keys behind place; empty is all
//	        └───────────┴────────────┴───────────┴───────┘
//	answer  ┌─────────┬──────┬─ rows ───────────┐
//	        │ verdict │ more │ place │ n|object │ …
//	        └─────────┴──────┴──────────────────┘
//
// partition and n| are uvarints, verdict and more bytes, place is n|bucket n|key. A piece
// has at most 512 rows, or 256 KiB of objects, or one.
package heal
