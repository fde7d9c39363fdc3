// Package jepsen is the partition-injection suite: it breaks clusters on purpose and
// judges what their clients were told. The code is in its folders.
//
//	history    what clients asked and were told, one format for all
//	checker    from a history to a verdict: pure functions
//	lab        whole nodes in one process under virtual time, with faults from a seed
//	cluster    the built command as real processes, with signals and full disks
//	mutants    planted bugs, and the test that must notice each
//	seeds      runs a test over the seeds that once failed, and fresh ones
//
// The tests are in the style of Jepsen; nobody of Jepsen has seen them. README.md maps
// what Henge promises to the tests that hold it, and keeps the bugs that were found.
package jepsen
