// Package reap removes what is deleted, and narrows contexts, once it is proven that no
// copy of what they cover is left anywhere: rule R5 of the design.
//
// A tombstone that is simply thrown away after a while comes back as the value that it
// deleted, from a replica that was away, from a hint, or from a message on its way. So
// each partition has epochs, which every member keeps on its disk (storage.Epochs), and
// one of its replicas takes a bounded number of keys through a round:
//
//	first replica                  all replicas             all members
//	────────────────────────────────────────────────────────────────────────────────
//	1 survey   keys, digests ──>   the same, on disk?
//	           its epochs    ──────────────────────────>    theirs
//	2 raise    a new epoch   ──────────────────────────>    raised, on disk; and is there
//	                                                        no hint, no leftover and no
//	                                                        later document?
//	3 commit   that epoch    ──────────────────────────>    committed, on disk, unless
//	                                                        raised higher or restarted
//	4 reap     keys, digests ──>   removed, or narrowed,
//	                               if still the same
//
// After 2 nobody takes what was read before it: an object carries the epoch at which it
// was read, and whoever has raised higher refuses it. After 3 everybody knows that
// something may have been removed: who comes back with an older disk has raised less than
// others have committed, and is fenced: at the latest in the next survey, before a raise
// would make up for it. An answer that is negative or missing ends the
// round for its partition, and nothing has happened but that objects have to be read
// again. Rounds of many partitions travel in one message a member and step. None runs
// while the layout changes, and one member that is silent stops them all: see Report.
//
// No clock is in the proof. The grace period (ring.Settings.Grace) lets people see for a
// while what was deleted.
//
// The same proof lets a context be rewritten to the dots of the object's siblings, which
// keeps contexts small through any number of restarts.
//
// The first round of a cluster is preceded by an edit of the document, Reaping. Where it
// stands a store that has no epochs of a partition takes them from a member before it
// writes there: it is new, and must not take an old object for a new one.
package reap
