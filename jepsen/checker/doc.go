// Package checker judges histories: pure functions from what clients asked and
// were told to a verdict, with every violation named.
//
// A verdict is valid, invalid, or unknown, and unknown is no pass: a run in which
// nothing succeeded, or a key that was never read at the end, proves nothing.
//
// # Lost and resurrected
//
// Values are unique, so writes form a graph: w replaced v when w had seen v. From
// what is visible at the end, and from deletes, which are visible in nothing, the
// graph is walked back:
//
//	put a ─────► put b ─────► put c      c is visible: a and b were replaced
//	        saw          saw
//	put d                                d was acknowledged, is not visible, and no
//	                                     write that saw it is covered: lost
//	put e ─────► delete f  (acknowledged)
//	        saw                          e visible at the end: resurrected
//
// An unknown write covers what it saw only when it is covered itself, so one that
// never happened excuses nothing. A failed one never happened, and is a violation
// wherever its value is seen.
//
// # Writes without context
//
// Such a write replaces what its coordinator holds at that moment. Which values
// those were, no client knows, so the rule is, strongest evidence first:
//
//  1. The receipt's context, when the history has it, covers the dot of v: w saw v.
//     This holds only where one node alone can have minted the write; a workload
//     sends such writes to replicas of the key, which never hand them on.
//  2. Without a receipt, with a value whose dot nobody was ever told, or with a
//     receipt that covers a dot which nobody was told of (an operation may be minted
//     twice, and the client hears of one of its dots): w may have seen v if v was
//     begun before the last moment at which w could be minted.
//
// Rule 1 believes the cluster: a context that claims more than was seen would hide
// a loss. Rule 2 believes the clock: it hides the loss of a write that an unknown
// blind write of about the same time and key could have replaced. Both err on the
// side of silence, so neither alarms falsely. That losses are not missed is the
// workload's part: it has keys that never get such a write, where what the clients
// sent, contexts and ETags of their own reads, decides alone; a loss of the kinds
// that rules 1 and 2 can hide shows there.
//
// # Expiry
//
// A value that expires is visible in nothing once its time has come, as a delete is: the
// graph is walked back from it too. No read that begins later may show it (Expired).
//
// # Rest
//
// A cluster that is left alone ends its work by itself: no hint, no entry of the ledger, no
// deleted key, no context wider than its key's siblings; and then it does nothing more.
// Contexts are not demanded to grow: under the proof of reaping they are narrowed.
//
// # Recent
//
// A strict read of a majority shows every strict write of a majority that was
// acknowledged before it began, or what replaced it (design, law 5), also while the
// layout changes. The same graph is walked, from the write up to what the read shows.
//
// # Twins
//
// An operation that was handed on while its first coordinator was silent may be minted
// twice. A client replaces the one that it was shown; when the other one arrives after
// more operations than an object remembers, it stands beside its successor: the
// product says so of retries. Where a value stands under a dot that the client of the
// write which replaced it was never shown, Antichain and Resurrected count a twin and
// no anomaly.
package checker
