// Package client speaks to a Henge cluster over HTTP, with the methods and the errors
// that a node has inside its own program.
//
// It knows who holds what: after the first answer it fetches the layout, and from
// then on sends each request to a replica of its key, in turn, which saves a hop.
// Which nodes answer it learns from its own calls. One that fails rests, briefly and
// then longer, while the others serve, and is tried again by one request alone.
//
//	caller            client                         nodes of the key
//	Put(k, v) ──────▶ op = random id
//	                  ├─ PUT k, op ─────────────────▶ a: connection refused
//	                  │     nothing was sent: the next at once
//	                  ├─ PUT k, op ─────────────────▶ b: silent for half the timeout
//	                  │     outcome unknown: beside it, the same operation again
//	                  ├─ PUT k, op ─────────────────▶ c: 204, 2/3
//	receipt ◀─────────┘     whoever answers first; b's attempt is given up
//
// A write has one operation id through all its attempts, so that the store keeps it
// once. What it may have left behind is the worst of what its attempts may have: an
// attempt whose outcome is unknown makes that of the whole call unknown, unless a
// later one succeeds. Overload is waited out, as long as the node asked for, with
// jitter.
//
// The standard library and the store's own vocabulary are all that this package
// brings along.
package client
