package request

import (
	"time"

	"github.com/hengedb/henge/ring"
)

// Status is the cluster as one node sees it.
type Status struct {
	Node     ring.NodeID    `json:"node"`
	Name     string         `json:"name"`
	Version  string         `json:"version"` // of the software
	Cluster  string         `json:"cluster,omitempty"`
	Document ring.Name      `json:"document"`
	Changing bool           `json:"changing,omitempty"` // a layout change is in flight
	Ready    bool           `json:"ready"`
	Waiting  string         `json:"waiting,omitempty"`  // when not ready: for what
	Alarms   []string       `json:"alarms,omitempty"`   // what a person must look at
	Forced   *ring.Forced   `json:"forced,omitempty"`   // the last force on a lost majority
	Aside    []string       `json:"aside,omitempty"`    // documents that the answering node gave up for a forced one, and keeps
	Kept     []KeptBucket   `json:"kept,omitempty"`     // what the answering node stores of buckets that only the losing side of a force made
	SetAside SetAside       `json:"set_aside,omitzero"` // what the answering node had lost memory of
	Replicas int            `json:"replicas"`           // N
	Parts    int            `json:"partitions"`         // Q
	Members  []MemberStatus `json:"members"`
	Hints    HintStatus     `json:"hints"`          // kept by the answering node
	Dirty    DirtyStatus    `json:"dirty,omitzero"` // known to the answering node
	Buckets  []string       `json:"buckets"`
	Governor *Governor      `json:"governor,omitempty"` // of the answering node
	Deletes  *Deletes       `json:"deletes,omitempty"`  // of the answering node
}

// Deletes tell how far a node is with the removal of what is deleted or has expired.
type Deletes struct {
	Keys     int           `json:"keys"`              // stored here, deleted already or to expire some day
	Wide     int           `json:"wide"`              // stored here, with contexts that name more than the key holds
	Oldest   time.Duration `json:"oldest_ns"`         // how long the oldest is dead in partitions that this node leads, as of its last look
	Reaped   int64         `json:"reaped"`            // keys removed here since the start
	Narrowed int64         `json:"narrowed"`          // contexts narrowed here since the start
	Waiting  []string      `json:"waiting,omitempty"` // what holds back what is old enough
}

// KeptBucket is a bucket that only the losing side of a force made, and of which a node
// keeps what was stored. Nobody can ask for that until the cluster makes a bucket of
// this name; then it is that bucket's.
type KeptBucket struct {
	Name string `json:"name"`
	Keys int    `json:"keys"` // as counted when the document was set aside, or at the start
}

// MemberStatus is one member as the answering node sees it.
type MemberStatus struct {
	ID         ring.NodeID `json:"id"`
	Name       string      `json:"name"`
	Zone       string      `json:"zone,omitempty"`
	Weight     int         `json:"weight"` // its share of the partitions beside others'; 100 is usual
	HTTP       string      `json:"http,omitempty"`
	RPC        string      `json:"rpc"`
	Health     string      `json:"health"`           // up, down, or leaving
	Reason     string      `json:"reason,omitempty"` // when not up: what was seen
	Document   ring.Name   `json:"document"`         // as gossip tells
	Partitions int         `json:"partitions"`       // how many it is a replica of
	Going      ring.Going  `json:"going,omitempty"`  // in the change in flight: how
}

// HintStatus is what a node owes to others.
type HintStatus struct {
	Count   int64         `json:"count"` // keys hinted
	Oldest  time.Duration `json:"oldest_ns"`
	Targets []HintTarget  `json:"targets,omitempty"`
}

// DirtyStatus is what a node knows other replicas to have missed and to lack perhaps: the
// dirty ledger, which exchanges serve first.
type DirtyStatus struct {
	Segments int           `json:"segments"`
	Oldest   time.Duration `json:"oldest_ns"`
}

// HintTarget is what is owed to one node.
type HintTarget struct {
	Node  ring.NodeID `json:"node"`
	Name  string      `json:"name,omitempty"`
	Count int64       `json:"count"`
}

// Explanation is why a key is what it is.
type Explanation struct {
	Bucket     string           `json:"bucket"`
	Key        string           `json:"key"`
	Position   string           `json:"position"` // 16 hexadecimal digits
	Partition  ring.Partition   `json:"partition"`
	Segment    ring.Segment     `json:"segment"`
	Document   ring.Name        `json:"document"`
	Phase      ring.Phase       `json:"phase,omitempty"`  // of the partition, in a layout change
	Next       []ring.NodeID    `json:"next,omitempty"`   // who will serve it
	Former     []ring.NodeID    `json:"former,omitempty"` // who served it and has not handed over
	Preference []PreferenceNode `json:"preference"`       // then those in next and former who do not serve
	Replicas   []ReplicaState   `json:"replicas"`
	Answers    []WouldAnswer    `json:"answers"` // r = 1, 2, ... N
}

// PreferenceNode is one row of a preference list.
type PreferenceNode struct {
	Node   ring.NodeID `json:"node"`
	Name   string      `json:"name"`
	Zone   string      `json:"zone,omitempty"`
	Weight int         `json:"weight"`
	Role   Role        `json:"role"`
	Health string      `json:"health"`
}

// ReplicaState is what one node holds of a key.
type ReplicaState struct {
	Node     ring.NodeID    `json:"node"`
	Name     string         `json:"name"`
	Role     Role           `json:"role"`
	Result   Result         `json:"result"`
	Detail   string         `json:"detail,omitempty"`
	Digest   string         `json:"digest,omitempty"`
	Siblings []SiblingState `json:"siblings,omitempty"`
	Context  []string       `json:"context,omitempty"` // actor:counter
	Hint     *HintState     `json:"hint,omitempty"`
}

// SiblingState is one sibling without its bytes.
type SiblingState struct {
	Dot       string    `json:"dot"` // actor:counter
	Stamp     string    `json:"stamp"`
	Modified  time.Time `json:"modified"`
	Tombstone bool      `json:"tombstone,omitempty"`
	Size      int       `json:"size"`
	Expires   time.Time `json:"expires_at,omitzero"`
	Shown     bool      `json:"shown"` // false: it is a tombstone, has expired, or another dot shows the same operation
}

// HintState is a hint that a node keeps for a key.
type HintState struct {
	Targets  []ring.NodeID  `json:"targets"`
	Noted    []ring.NodeID  `json:"noted,omitempty"` // told to hold it already
	Age      time.Duration  `json:"age_ns"`
	Siblings []SiblingState `json:"siblings,omitempty"` // empty: it stands for the holder's own object
}

// WouldAnswer is what a read of so many replicas would find now, taking the
// nearest healthy ones.
type WouldAnswer struct {
	R        int      `json:"r"`
	Found    bool     `json:"found"`
	Values   []string `json:"values,omitempty"` // dots
	Error    string   `json:"error,omitempty"`
	Complete bool     `json:"complete"` // the same as the join of all that answered
}

// Layout is who holds which partition, in as few bytes as a client needs to choose
// whom to ask.
type Layout struct {
	Document   ring.Name    `json:"document"`
	Partitions int          `json:"partitions"`
	Nodes      []LayoutNode `json:"nodes"`
	Replicas   [][]int      `json:"replicas"` // for each partition: indexes into Nodes

	Staged []LayoutStep  `json:"staged,omitempty"` // asked for, not applied
	Change *ChangeStatus `json:"change,omitempty"` // in flight; nil is none
	Left   []string      `json:"left,omitempty"`   // nodes that left, run on, and may be switched off
}

// LayoutNode is one member of a Layout.
type LayoutNode struct {
	ID   ring.NodeID `json:"id"`
	Name string      `json:"name"`
	HTTP string      `json:"http,omitempty"`
	Up   bool        `json:"up"` // as the answering node sees it
}
