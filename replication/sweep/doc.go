// Package sweep removes what this node stores of buckets that were dropped.
//
// A drop is one edit of the cluster document, and holds at once: whoever has the
// document neither serves, sends nor joins what is of the dropped generation. What is
// left of it takes room only, and a sweep gives that back behind, key by key under the
// key's lock, slowly enough to be in nobody's way:
//
//	document v drops a bucket ──> kick ──> hints, then objects, in ring order
//	                                       │ Discarded by the document? removed
//	                                       └ to the end: "swept up to v" is saved
//
// A node that was away sweeps when it has taken up a document with a drop that it has
// not swept for; so does one whose sweep a stop or a crash cut short, from the start.
// Nothing of a dropped generation comes in behind the sweep: every join and every mint
// looks at the document under the key's lock, and a sweep begins after the store has
// gone through all locks with it.
package sweep
