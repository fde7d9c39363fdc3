package ring

import (
	"fmt"
	"strconv"
)

// NodeID names one node for its life. It is drawn at random when its store is
// made and never changes, whatever the node's address or configured name
// become. Zero names no node.
type NodeID uint64

// String renders the id as 16 hexadecimal digits.
func (id NodeID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// MarshalText renders the id as String does.
func (id NodeID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText parses what MarshalText wrote.
func (id *NodeID) UnmarshalText(text []byte) error {
	parsed, err := ParseNodeID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseNodeID parses 16 hexadecimal digits.
func ParseNodeID(s string) (NodeID, error) {
	if len(s) != 16 {
		return 0, fmt.Errorf("node id %.40q: want 16 hexadecimal digits", s)
	}
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("node id %.40q: want 16 hexadecimal digits", s)
	}
	return NodeID(n), nil
}

// Peer is what gossip tells about one live process: which node it is, where it
// listens and which cluster document it holds.
type Peer struct {
	ID      NodeID `json:"id"`
	Name    string `json:"name"`
	Zone    string `json:"zone,omitempty"`
	HTTP    string `json:"http,omitempty"`   // host:port, empty when it serves no HTTP
	RPC     string `json:"rpc"`              // host:port
	Gossip  string `json:"gossip,omitempty"` // host:port
	Nonce   uint64 `json:"nonce"`            // of this process start
	Cluster string `json:"cluster,omitempty"`
	Doc     Name   `json:"doc"`               // the document it holds, zero while it holds none
	Leaving bool   `json:"leaving,omitempty"` // it is shutting down: send it nothing new
}
