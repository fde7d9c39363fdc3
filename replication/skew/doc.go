// Package skew holds a node's clock against those of its peers, and says when it is too
// far off to write by.
//
// Stamps decide between writes in lww buckets, and clocks when a value expires: a node
// whose clock is an hour ahead would win every conflict for an hour, and hide values that
// others show. Every few seconds a node asks some peers for their time, takes half of the
// round trip off, and looks where its own clock lies among all that it has heard:
//
//	    n1   n2 n4                                            n3
//	────┴────┴──┴──────────────────────── ... ───────────────┴───> time
//	         └ the median of all clocks, its own among them   └ off by more than the bound
//
// So a majority decides who is off: of two nodes neither is, of three the one that two
// contradict. A node that is off mints nothing, and says so; its requests are taken
// elsewhere. What it reads, joins and stores for others is as good as ever.
package skew
