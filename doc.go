// Package henge embeds a node of an always-writable, leaderless key-value store in
// a Go program.
//
// A zero Options opens a single node that listens on nothing:
//
//	node, err := henge.Open(ctx, dir, henge.Options{})
//	carts := node.Bucket("carts")
//	receipt, err := carts.Put(ctx, "alice", cart, henge.WriteOptions{})
//	value, err := carts.Get(ctx, "alice", henge.ReadOptions{})
//
// With addresses it listens, with Join it becomes part of a cluster. Nodes keep N
// replicas of each partition of a hash ring, go on taking reads and writes while
// some of them are away, and bring each other up to date afterwards. Concurrent
// writes are kept as siblings until somebody merges them; Bucket.Update does.
//
// The server (cmd/henge) is this package with flags. The HTTP client in api/client
// has the same bucket, method for method.
//
//	henge        the node: opens, wires and closes what is below
//	api          HTTP, its errors, its Go client
//	replication  quorums, hints, repair; agreement and transport
//	storage      one Pebble store a node; objects and their causality
//	ring         positions, partitions, layouts: pure
package henge
