// Package governor gives all background work of a node (hints, exchange, transfers,
// rebuilds of hash trees, reaping) one budget of bytes a second, and makes it yield when
// clients' requests become slower than they lately were (DeCandia et al., "Dynamo", 2007,
// section 6.5).
//
// Requests report how long they took. Background work asks before each piece, and says
// afterwards how large it was:
//
//	put, get ── Observe ──▶ histogram ── window's p99 ──▶ normal ──▶ factor f
//	                                                                    │
//	work ── Wait(class) ◀── a bucket of tokens a class ◀── f × budget ──┘
//	     ── Pay(class, n) ─▶
//
// The budget's factor moves as a congestion window does (Chiu and Jain, 1989: additive
// increase, multiplicative decrease): a window whose p99 is over twice the normal halves
// it, one near the normal adds a little, and one without enough requests to tell doubles
// it: there is nobody to yield to. Work that begins while there are requests begins
// small, because a cut comes only after somebody was slow. The factor has a floor: a
// class that is not paused always progresses.
//
// Reads and writes have a normal each. It follows the windows in which no background
// work, or as little as the floor allows, was done; downward at any time. So it is
// learned anew, within half a minute, when the load or the disk has changed for good:
// the governor cannot stay cut for ever by what it has no part in.
//
// Classes at work share the budget equally, and what one does not use goes to the
// others. A pause, and another budget, hold at once, also for who waits already; neither
// outlives a restart.
//
// Nothing runs by itself: windows are closed by who observes or waits.
package governor
