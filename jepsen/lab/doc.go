// Package lab runs whole clusters of real nodes in one process under virtual time,
// breaks them on purpose, and records what their clients were told.
//
// Everything a node gets from the machine is simulated: the network (connections
// whose links can be cut, slowed and reset, each direction by itself), the disk (an
// in-memory file system that forgets what was not synced when the power goes), the
// clock, the membership (a table that follows the network's cuts with a delay, in
// the place of gossip) and the randomness. The nodes are the product's own code from
// the HTTP handler down to Pebble.
//
//	┌──────────────── testing/synctest bubble ────────────────┐
//	│  clients ──► henge.Node n1 ──┐                          │
//	│     │        henge.Node n2 ──┼── Network ── Table       │
//	│     ▼        henge.Node n3 ──┘      ▲                   │
//	│  history        │ │                 │                   │
//	│     │           │ └─ Clock     Plan of faults           │
//	│     ▼           └─── disk      (drawn from the seed)    │
//	│  checker                                                │
//	└─────────────────────────────────────────────────────────┘
//
// # The same seed gives the same run
//
// In a bubble time moves only when every goroutine waits, so what happens at one
// instant runs to rest before the next instant begins. A run is then decided by the
// seed as long as no two things happen at one instant. So each arrival on the
// network, each timer of a node's clock and each client's pause gets an instant of
// its own: the usual time plus a share that is drawn from what names the event (the
// link and the instant of the write, the node, the instant, the duration and the
// callers of the timer), never from a shared source, so that the order in which goroutines come to draw is no
// matter. What is written to a connection at one instant arrives as one. What is
// left to chance is the order of goroutines within one node at one instant.
//
// # Faults stay within what is promised
//
// A run proves something only while the faults are those that the laws speak of:
// data that was synced stays, and a node that died comes back with its disk.
package lab
