// Package memnet is a network in memory, for tests: hosts by name, connections
// without latency, cuts that hold bytes up as a lost route does, and deaths that
// reset what was open. It works in testing/synctest bubbles, where real sockets do
// not.
//
//	n := memnet.New()
//	l, _ := n.Host("a").Listen("a:1")
//	c, _ := n.Host("b").Dial(ctx, "a:1")
//	n.Cut("a", "b") // both ways: silence, until Mend
package memnet
