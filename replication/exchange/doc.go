// Package exchange compares this node's partitions with the other replicas' and ships
// what differs, both ways, without any client's help: what neither a write, a hint nor a
// read repair brought to a replica comes there by an exchange.
//
// A node exchanges each partition that it serves with one other replica at a time, in
// turn, about once a minute; soon with one that has come back; and at once, without
// trees, those segments of which it knows that a replica missed a write: the dirty
// ledger. Both compare the roots of their hash trees (package storage), then, where
// these differ, leaves, then the digests of the keys in differing segments:
//
//	asker ── root ───────────────────────────────▶ other replica
//	      ◀─ equal, unknown, or its 1,024 leaves ─
//	      ── differing segments, after a key ────▶
//	      ◀─ keys and digests, more? ─────────────
//	      ── keys ───────────────────────────────▶   of what the asker lacks
//	      ◀─ objects ─────────────────────────────   joined here
//	      ── join(object) ───────────────────────▶   of what the other lacks
//
// So two equal partitions cost one message of 20 bytes and its answer, and what differs
// costs in proportion: a segment's digests and the objects. A tree that is being built
// makes no statement, and the exchange waits for another turn; the ledger does not wait.
// "Equal" is said after a sync (R2). An ask is answered by who serves the partition, if
// its entry has not changed since the asker's document (R3); before and after the read.
//
// While the layout changes, the nodes that serve exchange with each other. The other set
// is left to package transfer, which brings it whole: compared by trees, a newcomer would
// lack everything at once.
//
// # Messages
//
// n| is a uvarint length before its bytes, place is n|bucket n|key:
//
//	root     ┌───┬───────────┬──────────┐   answer ┌─────────┬────────────────┐
//	         │ 1 │ partition │ root 8 B │          │ verdict │ leaves 8 KiB   │ if they differ
//	         └───┴───────────┴──────────┘          └─────────┴────────────────┘
//	digests  ┌───┬───────────┬────────────┬───────┐ ┌──────┬─ rows ─────────────┐
//	         │ 2 │ partition │ segs 128 B │ place │ │ more │ place │ digest 16B │ …
//	         └───┴───────────┴────────────┴───────┘ └──────┴────────────────────┘
//	fetch    ┌───┬───────────┬─────────┐            ┌──────────┐
//	         │ 3 │ partition │ place … │            │ n|object │ … of the first of them
//	         └───┴───────────┴─────────┘            └──────────┘
//
// partition is a uvarint; verdict, more and the kind are bytes; the segments are a
// bit each. A piece has at most 512 rows or objects, or 256 KiB of objects, or one.
//
// All that is read and sent passes a Pace.
package exchange
