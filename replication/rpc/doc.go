// Package rpc carries calls between nodes: framed, many at a time over one
// connection a peer and class, coalesced into few writes when it is busy. What
// gRPC or net/http would spend on a call of a kilobyte is several times what the
// store itself does with it; that is why the protocol is our own.
//
// The one who dials calls, the one who accepts serves; two nodes have connections
// both ways. Class Bulk has connections of its own, so that no small call waits
// behind a big frame, and a message above a frame's limit goes in pieces, between
// which other frames pass.
//
// A connection begins with a preface each way. Hello is JSON, so that it can grow:
// unknown fields are ignored. n| is a uvarint length before its bytes.
//
//	dialer    ┌─────────┬─────┬───────────┐
//	          │ "HENGE" │ v=1 │ n|hello   │
//	          └─────────┴─────┴───────────┘
//	acceptor  ┌─────────┬─────┬───────────┬───────────┐
//	          │ "HENGE" │ v=1 │ n|hello   │ n|refusal │   empty: welcome
//	          └─────────┴─────┴───────────┴───────────┘
//
// Then frames. length counts what follows it; numbers without a size are uvarints.
//
//	          ┌────────────┬──────┬────┬─────────────────────────────────────────────┐
//	          │ length 4 B │ kind │ id │                                             │
//	          └────────────┴──────┴────┴─────────────────────────────────────────────┘
//	1 call     method 1 B │ µs left, 0 none │ document version │ n|trace │ body ...
//	2 answer   body ...
//	3 error    code │ text ...
//	4 piece    64 KiB of the body of the call or answer with this id that follows
//
// A malformed frame ends its connection, is counted and logged, and nothing else
// suffers.
package rpc
