// Package storage keeps what one node holds, in one Pebble store: objects, hints
// for nodes that could not be reached, and a few records. It says "done" only when
// the disk holds it, and survives what disks do without taking its host along.
//
// # On disk
//
// A store is a directory:
//
//	FORMAT    text: "henge store format 1"
//	BALLAST   room to give up when the disk is full
//	db/       Pebble's files
//
// Pebble's keys begin with one of four letters. Objects and hints lie in ring
// order, so that a partition, a segment and a transfer are each one range.
// Numbers are big-endian.
//
//	object  +-----+-------------+-----+--------+-----+
//	        | 'o' | position: 8 | len | bucket | key |   value: an encoded causal.Object
//	        +-----+-------------+-----+--------+-----+
//	hint    +-----+-------------+-----+--------+-----+
//	        | 'h' | position: 8 | len | bucket | key |   value: below
//	        +-----+-------------+-----+--------+-----+
//	aside   +-----+--------+------------+-------------+-----+--------+-----+
//	        | 'a' | set: 4 | 'o' or 'h' | position: 8 | len | bucket | key |   value: as in its place
//	        +-----+--------+------------+-------------+-----+--------+-----+
//	record  +-----+------+
//	        | 'm' | name |   node, starts, stopped, clock (8 bytes each), cluster, document,
//	        +-----+------+   epochs/ and a partition, aside/ and a set, and '+'
//	                         before the names of SaveMeta
//
//	hint's  +---+----------+---------+------+---+-----------+---+-----------+--------+
//	value   | 1 | since: 8 | mark: 8 | w: 4 | n | n x id: 8 | m | m x id: 8 | object |
//	        +---+----------+---------+------+---+-----------+---+-----------+--------+
//	                                         targets         noted           or nothing
//
// len, n and m are one byte. The log also holds barriers, records of one byte
// that replay to nothing.
//
// # Writing
//
// Write is the only way an object or a hint changes. Under the lock of the key's
// segment it reads, lets its caller decide, and applies; then it releases the lock
// and the log is synced behind, for all writers together:
//
//	lock -> get -> change -> apply -> unlock -> | sync | -> Commit.Wait returns
//	'------------ Write ----------------------' '------'
//
// What a node says about what it holds, it says after a sync that began after it
// looked: for a write that changed nothing, Commit.Wait is a Barrier. A caller who
// asks for no sync does not wait; its record is in the same log and goes to disk
// with the next sync, a moment later. A crash in that moment loses it.
//
// There are 1,024 locks, one for each segment of a partition; those of all
// partitions share them. Install passes through all of them once.
//
// # Hash trees
//
// Each partition that is held has a hash tree of 1,024 leaves of 8 bytes, one a segment,
// in memory: 8 KiB, whatever it holds. A write changes its leaf under its lock, once it
// is applied. At a start nothing is known: BuildTree scans a partition while writes go
// on, and is called again from time to time, which finds what a disk changed silently.
//
// # Actors
//
// Tx.Mint gives the next dot of the actor of the key's partition. An actor is a
// random number that lives as long as this process holds the partition without a
// break, and is kept in memory only; Tx.MintHint has one for each hint, the most
// recently used 16,384 of them. Actors end when the partition or hint is given
// up, when a read of it meets a damaged block, and when wall and monotonic time
// come apart. A dot that is known already is an alarm and ends its actor too.
//
// # Fenced partitions
//
// A partition of which the store has lost memory (Epochs.Fenced) is as good as not there:
// it answers no read, scans leave it out, its hash tree is not known, and it takes no
// write but KindRefill. SetAside moves what it holds to a section of its own, a bounded
// batch at a time, each with the count of what was moved.
//
// # When the disk fails
//
// Pebble ends the process when its log or manifest cannot be written. Here such
// an error sets the failed mark of the store, and nothing is acknowledged any
// more; disk.go tells how the error is kept from Pebble. A failed store answers
// ErrFailed to everything until the process opens it anew.
//
// A damaged block is ErrCorrupt, never an absent key. It is remembered as Damage, which
// somebody who can ask the other replicas has to mend: Locate finds what cannot be read,
// and Rebuild writes that span anew, in one change, of which nothing older is left:
//
//	table   ..k k k|bad block|k k k..       lower levels and newer ones, likewise
//	              └─ span ────┘
//	Rebuild       cut out on every level, and in its place one new table: what can be
//	              read of the span, joined with what the others have
//
// The store's own records are kept in memory too, and written anew with it; of hints,
// which nobody else has, those that can be read stay. On a full disk flushes fail
// and are tried again, and writes wait. So that it does not come to this, two marks
// of free space refuse what takes room, and what was refused was not written.
package storage
