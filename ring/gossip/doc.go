// Package gossip tells which processes are probably alive, where they listen and
// which cluster document each holds. It is hashicorp/memberlist (SWIM: Das, Gupta,
// Motivala, 2002, with Lifeguard) behind a small interface, and the only importer
// of it.
//
// Gossip hints and never decides: who owns what is in the cluster document, and
// whether a node answers is what calls to it find out.
//
// Four things memberlist leaves to its user are done here. It does not heal a split
// that outlasts its memory of the dead, so a loop joins seeds, persisted peers and
// members that were once seen, again and again for ever; each round tries some of them
// at random, for most may be dead. A node that restarts elsewhere under one name is a
// conflict, so a process is named by its node's id and a nonce of its start. Its
// callbacks run under its locks, so they only take notes. And what it says of members
// it changes later, so the notes are copies.
//
// A process tells about itself in at most 512 bytes of metadata; n| is a one-byte
// length before its bytes. A later version may add fields at the end:
//
//	┌─────┬───────┬──────┬───────┬─────────────┬───────────────────────────────────────┐
//	│ v=1 │ flags │ id   │ nonce │ cluster     │ document: era number 8 B, era random  │
//	│ 1 B │ 1 B   │ 8 B  │ 8 B   │ n|16 B or 0 │ 8 B, version 8 B, hash 16 B           │
//	├─────┴──┬────┴───┬──┴─────┬─┴─────┬───────┴───────────────────────────────────────┘
//	│ n|name │ n|zone │ n|http │ n|rpc │
//	└────────┴────────┴────────┴───────┘
//
// Flags: bit 0, it is shutting down.
package gossip
