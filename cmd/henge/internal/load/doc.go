// Package load stores a stream of records with many requests in flight, and reads
// them back to see that they are there.
//
//	decoder ──> by key ──> lane 1 ── put, again while it may help ──> tally
//	                       lane 2 ──        ...
//	                       lane n ──
//
// Records of one key go through one lane, so that they are stored in the order of
// the input and the last one stands. Every record is one operation: a put that is
// tried again carries the id of the first try, so that a cluster which did store
// it does not store it twice. A new run has new ids: it writes every record again,
// over whatever happened in between.
package load
