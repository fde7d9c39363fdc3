// Package transfer moves partitions between nodes while the layout changes (design
// R4), and decides, on one member, how far each partition has come.
//
// A newcomer copies in phase copy: the objects of one old replica whole, and of each
// other one those whose digests differ; all through the store's join. Each source
// holds the document that named the newcomer before it reads, so that whatever it
// takes in afterwards is counted at the newcomer too.
//
// A node that no longer holds a partition, but has objects of it, sends the digests of
// what it has to every node that takes writes, and then what that one lacks. An
// answer "I have it" is given after a sync (R2). Once all of them hold all, the range
// is deleted. Nothing comes in meanwhile: the partition is not held.
//
//	newcomer  ── page(after, digests?) ─▶ old replica      former ── lack(digests) ─▶ owner
//	          ◀── rows, more ────────────                         ◀── which, synced ──
//	          ── fetch(keys) ────────────▶                        ── object ─────────▶
//	          ◀── objects ───────────────                         ◀── synced ─────────
//
// A message is a checksum (CRC-32C) of what follows it, a JSON head and rows; n| is a
// uvarint length before its bytes:
//
//	┌──────────┬────────┬─ rows ─────────────────────────────────────┐
//	│ sum, 4 B │ n|JSON │ n|bucket │ n|key │ digest 16 B │ n|object │ …
//	└──────────┴────────┴────────────────────────────────────────────┘
//
// Two messages ask how far a node is. A report is a proof, given after a sync: the
// driver's next step rests on it. A glance is for people, and waits for nothing.
//
// A piece is 512 keys or 256 KiB, a larger object alone. The place behind the last
// piece is saved beside the objects, behind them in the log, so that a restart goes on
// from there. What a node sends, takes and reads to compare is taken from
// the budget of its background work.
package transfer
