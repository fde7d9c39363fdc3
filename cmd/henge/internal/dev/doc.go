// Package dev runs a real cluster on one machine: one process a node, each the
// same executable run as "henge serve", so that what is tried here is what runs
// elsewhere. A person may kill a node, see how requests go on, and start it again
// in another shell; the package tells what it sees happen and never interferes.
//
//	henge dev ──┬─ pipe ─> n1  HTTP base+0   RPC base+1   gossip base+2
//	            ├─ pipe ─> n2  HTTP base+10  RPC base+11  gossip base+12
//	            └─ pipe ─> n3  HTTP base+20  RPC base+21  gossip base+22
//
// Each child's standard input is a pipe that only the parent holds open. Its end
// tells the child to stop: closed on purpose when the cluster is stopped, closed
// by the kernel when the parent ends in any other way, SIGKILL included. That needs no
// signal, so it is the same on every system. Children have process groups of their
// own: Ctrl-C reaches the parent, which stops them one after the other.
//
// The cluster grows and shrinks while it runs: "henge dev add" and "henge dev remove" ask
// for it on a port of loopback, base+3, and only what watches the nodes changes them. A
// name is never used twice, so that nobody takes up the data of a node that went.
//
// The directory of a cluster:
//
//	DIR/cluster.json    how many nodes there have been, which were removed, the first port
//	DIR/n1/data         the node's store
//	DIR/n1/log          what it logged, appended to by every start
package dev
