package replication

import "github.com/hengedb/henge/ring"

// Membership says which processes are probably alive. Gossip implements it, and
// a table in simulations.
type Membership interface {
	// Peers lists live processes, this one included, by id and then nonce. Two
	// processes with one id are both listed.
	Peers() []ring.Peer
	// Subscribe has f called after each change of Peers, from a goroutine of the
	// membership's own. f must return soon.
	Subscribe(f func())
	// Announce replaces what is told about this process.
	Announce(self ring.Peer)
	// Close says goodbye and stops.
	Close() error
}
