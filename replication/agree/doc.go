// Package agree decides the versions of the cluster document: its caller proposes
// an edit, and learns of every document that was decided, here or elsewhere.
//
// Each version is one instance of single-decree Paxos (Lamport, "Paxos Made
// Simple", 2001, section 2). The successor of version v is decided once, by a
// majority of the voters that v itself names, and what is decided is the whole
// document, as bytes. A node keeps the one document it holds and the acceptor of
// the one instance that follows it; when it adopts a newer document, the old
// instance is over and its acceptor is dropped, for who is asked about it answers
// with the decided document instead.
//
//	document v ──decides──► instance v+1 ──► document v+1 ──decides──► instance v+2 ...
//	    │ voters of v            │
//	    │                        ├ round: the highest this node proposed under
//	    │                        └ acceptor: promised, accepted, value
//	    └ era, version, hash: the base that every message of the instance names
//
// Data requests never wait for any of this: Document is one atomic load.
//
// # What makes it safe
//
//   - Promises, acceptances and the rounds of this node's own proposals are synced
//     before anything about them is said (section 2.5 of the paper).
//   - An acceptor answers only for the successor of the very document it holds:
//     same era, same version, same hash. Behind, it pulls first; ahead, it answers
//     with what it holds; with another hash it refuses and raises the alarm.
//   - A proposer that finds an accepted value finishes that one, and then applies
//     its own edit to it anew.
//   - The first version is not agreed: the one node started with --init writes it.
//
// What is not safe against: a voter whose disk was put back to an earlier state
// within an undecided version (Options.Abstain is for those who know it was).
//
// # Who does what
//
// [Acceptor], [Round] and [State] are values and functions: no I/O, no clock, no
// goroutine; the simulation drives them alone. [Agent] drives them with a [Log],
// [Peers] and timers.
//
//	proposer                 each voter (itself too, if it is one)
//	   │ prepare(base, ballot) ──►  holds base? ballot not below a promised one?
//	   │                            save, then
//	   │ ◄── promise(accepted, value) | refused(promised) | document | conflict
//	   │ a majority promised: value := the one accepted under the highest ballot, else its own
//	   │ accept(base, ballot, value) ──►  the same, save, then
//	   │ ◄── accepted | refused(promised) | document | conflict
//	   │ a majority accepted: decided; save, show,
//	   │ decided(value) ──► every member: save, show
//	   │ ◄── current
//
// # Messages
//
// A message is one JSON object; fields that a reader does not know are ignored,
// kinds it does not know are refused. It is at most [MaxMessage] bytes. The
// document is base64: JSON encoders may reformat raw JSON, and its hash is of the
// very bytes.
//
//	┌──────────┬──────┬────────┬──────────┬──────────┬──────────┬──────┬────────┐
//	│ kind     │ base │ ballot │ promised │ accepted │ document │ held │ reason │
//	├──────────┼──────┼────────┼──────────┼──────────┼──────────┼──────┼────────┤
//	│ prepare  │  ●   │   ●    │          │          │          │      │        │
//	│ accept   │  ●   │   ●    │          │          │    ●     │      │        │
//	│ decided  │      │        │          │          │    ●     │      │        │
//	│ fetch    │  ○   │        │          │          │          │      │        │
//	├──────────┼──────┼────────┼──────────┼──────────┼──────────┼──────┼────────┤
//	│ promise  │  ●   │   ●    │          │    ○     │    ○     │  ●   │        │
//	│ accepted │  ●   │   ●    │          │          │          │  ●   │        │
//	│ refused  │  ●   │   ●    │    ○     │          │          │  ○   │   ●    │
//	│ behind   │  ●   │   ●    │          │          │          │  ○   │        │
//	│ document │  ○   │   ○    │          │          │    ●     │  ●   │        │
//	│ current  │  ○   │        │          │          │          │  ○   │        │
//	│ conflict │  ○   │   ○    │          │          │          │  ●   │   ●    │
//	└──────────┴──────┴────────┴──────────┴──────────┴──────────┴──────┴────────┘
//	 ● always  ○ where there is one
//
//	base, held: {"era":{"number":0,"random":7},"version":3,"hash":"32 hex digits"}
//	ballot, promised, accepted: {"round":1,"node":"16 hex digits"}
//
// # On disk
//
// The document is kept as its own bytes. Beside it is one record, JSON as well:
//
//	┌────────┬──────┬───────┬──────────┬──────────┬───────┐
//	│ format │ base │ round │ promised │ accepted │ value │
//	└────────┴──────┴───────┴──────────┴──────────┴───────┘
//
// A record whose base is older than the document held is over and not read. A
// format above ours is refused at the start: forgetting a promise is not safe.
//
// A majority that is lost for ever is given up by Force, which votes on nothing: it
// raises the era, and every node takes the document of a higher era. One that held
// what the force left out keeps that aside first.
package agree
