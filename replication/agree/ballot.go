package agree

import (
	"cmp"
	"fmt"

	"github.com/hengedb/henge/ring"
)

// Ballot numbers one attempt to have a value decided. Ballots are ordered by
// round, then by node; no two attempts at one instance share one, because a node
// saves a round before it proposes under it.
type Ballot struct {
	Round uint64      `json:"round"` // 1 is the first; 0 is no ballot
	Node  ring.NodeID `json:"node"`  // the proposer
}

// maxRound bounds what is believed of a peer, so that one broken message cannot
// use up all rounds. A million attempts a second reach it after 8 years.
const maxRound = 1 << 48

// IsZero reports whether b is no ballot.
func (b Ballot) IsZero() bool { return b == Ballot{} }

// Compare orders ballots: negative when b goes before c.
func (b Ballot) Compare(c Ballot) int {
	return cmp.Or(cmp.Compare(b.Round, c.Round), cmp.Compare(b.Node, c.Node))
}

// String renders b as round and node.
func (b Ballot) String() string { return fmt.Sprintf("%d.%s", b.Round, b.Node) }

func (b Ballot) validate() error {
	if b.Round == 0 || b.Round > maxRound || b.Node == 0 {
		return fmt.Errorf("ballot %s: want a round of 1 to 2^48 and a node", b)
	}
	return nil
}
