// Package cluster starts the built command as real processes, breaks them by the
// means an operating system has, and brings them back: what a bubble cannot show,
// such as a listener that the kernel closes, a process that is stopped in the middle
// of a request, or a file system that is full.
//
// Each node is one "henge serve" on loopback with a directory of its own, and stays
// the same node through all of its processes: same name, ports, directory and flags.
//
//	Kill      SIGKILL   the process is gone; what it had written is in the page cache
//	Pause     SIGSTOP   connections stay open and nothing is answered, until Resume
//	Stop      SIGTERM   the node drains, and has a while for it
//	Start     the same command line again
//
// Only processes that this package started are ever signalled, through the handle
// that the start returned. They end when their parent does, however that ends: each
// reads from a pipe that only the parent holds open, and ends at its end. A paused
// one reads nothing; but it leads a process group of its own, and such a group is sent
// SIGHUP and SIGCONT by the kernel when the last process that could have resumed it
// is gone.
//
// The directory of a cluster:
//
//	DIR/n1/data    the node's store
//	DIR/n1/log     what all of its processes logged
//
// Run ties a cluster to a test: it is stopped at the test's end, and the logs are
// shown when the test failed.
package cluster
