// Package fence gives a node back what it has lost memory of: the last part of rule R5 of
// the design.
//
// A node whose disk was put back to an older copy holds what others have since removed
// for good, and knows nothing of the rounds in which they did. What it holds can neither
// be trusted nor be thrown away: some of it nobody else may have. So each partition for
// which a node finds out (storage.Epochs.Fenced) goes through
//
//	fenced ──> what it holds is set aside ──> epochs taken ──> filled ──> unfenced
//	           in batches (storage.SetAside)  from a member    from every other primary
//	                                                           that is up and not fenced
//
// Until then it counts as down there: it answers nothing, and takes nothing but this.
// Objects and hints are set aside before the epochs are taken, for what a node holds is
// sent as of its epochs. With no other primary up it waits, and says what a person can do
// (Report): somebody else may hold what was acknowledged, or nobody.
//
// Each step is on the disk before the next begins, and the place behind the last piece of
// each primary is saved beside the objects, so that a restart goes on from there. What is
// moved is taken from the budget of transfers.
//
// Of a partition that this node holds no replica of, only hints and leftovers are set
// aside, and the epochs are taken from any member.
package fence
