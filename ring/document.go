package ring

import (
	"slices"
	"time"
)

// Name names one version of the cluster document. Two documents of one era and
// version with different hashes must never exist; who sees them stops changing
// and alarms.
type Name struct {
	Era     Era    `json:"era"`
	Version uint64 `json:"version"` // 1 is the first; 0 is no document
	Hash    Hash   `json:"hash"`
}

// Era counts how often the document was forced onto a cluster that had lost its
// majority. The random part tells two forced eras of one number apart.
type Era struct {
	Number uint64 `json:"number"`
	Random uint64 `json:"random"`
}

// Document is the cluster document: small, versioned, immutable once decided.
// It says who the members are, which of them hold which partition, and which
// buckets exist. Version v+1 is decided once, by a majority of the voters of v.
// Do not change a Document that anybody else holds: Clone it.
type Document struct {
	Format     int      `json:"format"`  // of the encoding; a node edits only formats it knows
	Cluster    string   `json:"cluster"` // 32 hexadecimal digits, random
	Secret     []byte   `json:"secret"`  // 32 random bytes: keys digests and contexts; never shown to clients
	Era        Era      `json:"era"`
	Version    uint64   `json:"version"`
	Partitions int      `json:"partitions"` // Q, a power of two, fixed at init
	Replicas   int      `json:"replicas"`   // N
	Members    []Member `json:"members"`    // sorted by ID
	Voters     []NodeID `json:"voters"`     // members of the last completed layout, sorted
	Layout     []Entry  `json:"layout"`     // one for each partition
	Buckets    []Bucket `json:"buckets"`    // sorted by name
	Settings   Settings `json:"settings"`
	Dropped    uint64   `json:"dropped,omitempty"`  // the version that last dropped a bucket; 0 is none
	Reaping    bool     `json:"reaping,omitempty"`  // what is deleted may have been reaped: a store without epochs takes them first
	Expelled   []NodeID `json:"expelled,omitempty"` // refused for ever
	Left       []NodeID `json:"left,omitempty"`     // handed over and went; a person may add them again
	Staged     []Step   `json:"staged,omitempty"`   // asked for, not applied
	Change     *Change  `json:"change,omitempty"`   // the layout change in flight; nil is none
	Forced     *Forced  `json:"forced,omitempty"`   // the last force on a lost majority; nil is never

	raw     []byte // the bytes that were decided
	name    Name   // of raw
	buckets map[string]Bucket
	members map[NodeID]Member
}

// Member is one node of the cluster, alive or not.
type Member struct {
	ID     NodeID `json:"id"`
	Name   string `json:"name"`
	Zone   string `json:"zone,omitempty"`
	Weight int    `json:"weight"`         // 1 to 1000; 100 is usual
	HTTP   string `json:"http,omitempty"` // addresses as of the decision; gossip may know newer ones
	RPC    string `json:"rpc"`
	Gossip string `json:"gossip,omitempty"`
	Going  Going  `json:"going,omitempty"` // in a change that removes it: how
}

// Going is how a member goes. There is no third way.
type Going string

// The ways a member goes.
const (
	Leaves   Going = "leave" // it hands over everything first
	Expelled Going = "expel" // it is dead: its id is refused for ever
)

// Verb is what a step asks for.
type Verb string

// The verbs of steps.
const (
	VerbAdd     Verb = "add"     // a node becomes a member
	VerbRemove  Verb = "remove"  // a member goes, as Going says
	VerbReplace Verb = "replace" // a member goes, and a node takes what it held
	VerbSet     Verb = "set"     // a member's weight or zone changes
)

// Step is one part of a layout change.
type Step struct {
	Verb   Verb    `json:"verb"`
	Node   NodeID  `json:"node"`             // whom it is about
	Going  Going   `json:"going,omitempty"`  // of remove and replace
	Member *Member `json:"member,omitempty"` // of add and replace: who comes
	Weight int     `json:"weight,omitempty"` // of set; 0 leaves it
	Zone   *string `json:"zone,omitempty"`   // of set; nil leaves it
}

// Change is the layout change in flight. Until it completes, the voters are those of
// the layout before.
type Change struct {
	Applied uint64 `json:"applied"` // the document version that began it
	Steps   []Step `json:"steps"`
	Paused  bool   `json:"paused,omitempty"` // no partition's phase moves on
	// Reverting says that it goes back, as far as it can.
	Reverting bool `json:"reverting,omitempty"`
}

// Entry is one partition's row of the layout. In a change (design R4) it goes
//
//	wait -> copy -> switch -> drop -> steady
//
// or, when the change goes back, from switch by back to drop. Serving is always the set that reads and mints.
type Entry struct {
	Serving []NodeID `json:"serving"`          // reads and mints
	Next    []NodeID `json:"next,omitempty"`   // in wait and copy: who will serve; in back: who served meanwhile
	Former  []NodeID `json:"former,omitempty"` // in switch: who served; in drop: who of them has not yet handed over and dropped
	Phase   Phase    `json:"phase,omitempty"`  // in a change: how far it is
	Changed uint64   `json:"changed"`          // the document version that last changed this entry
}

// Phase is how far a partition's change is.
type Phase string

// The phases of an entry.
const (
	PhaseSteady Phase = ""       // Serving alone
	PhaseWait   Phase = "wait"   // Next is named, and nothing else differs from steady: its turn has not come
	PhaseCopy   Phase = "copy"   // R4 (a): puts need W in Serving and W in Next; those new in Next copy
	PhaseSwitch Phase = "switch" // R4 (b): Serving is the new set, Former the old one; puts need W in each
	PhaseBack   Phase = "back"   // reads go back to Serving, the old set; puts need W in Next too, until that knows
	PhaseDrop   Phase = "drop"   // R4 (c): Serving serves alone; Former push what it lacks, and drop
)

// Second is the other set in which a put needs W: Next in copy, Former in switch,
// and nil otherwise. Do not change it.
func (e Entry) Second() []NodeID {
	switch e.Phase {
	case PhaseCopy, PhaseBack:
		return e.Next
	case PhaseSwitch:
		return e.Former
	default:
		return nil
	}
}

// Takes reports whether a node joins what it is sent into a copy of its own: it is in
// one of the sets that puts count in.
func (e Entry) Takes(id NodeID) bool {
	return slices.Contains(e.Serving, id) || slices.Contains(e.Second(), id)
}

// Bucket is a namespace of keys with properties of its own.
type Bucket struct {
	Name           string `json:"name"`
	Generation     uint64 `json:"generation"` // the document version that made it
	Policy         string `json:"policy"`     // "siblings" or "lww", fixed for the bucket's life
	Owner          string `json:"owner,omitempty"`
	R              int    `json:"r,omitempty"` // as in package request; 0 is the cluster's default
	W              int    `json:"w,omitempty"`
	Strict         bool   `json:"strict,omitempty"`
	Unsynced       bool   `json:"unsynced,omitempty"`
	RequireContext bool   `json:"require_context,omitempty"`
	TTLMillis      int64  `json:"ttl_ms,omitempty"` // how long a put's value is shown that says nothing else; 0 is for ever
}

// The bounds of a value's time to live. A shorter one may be over before a slow put is
// acknowledged; a longer one is for ever, and not far from what a time.Duration holds.
const (
	MinTTL = time.Second
	MaxTTL = 100 * 365 * 24 * time.Hour
)

// Settings are the cluster's own.
type Settings struct {
	AutoBuckets   bool  `json:"auto_buckets"`        // first use makes a bucket, by decision
	AutoJoin      bool  `json:"auto_join,omitempty"` // a node that finds the cluster becomes a member by itself
	R             int   `json:"r,omitempty"`         // default knobs, as in package request
	W             int   `json:"w,omitempty"`
	Strict        bool  `json:"strict,omitempty"`
	Unsynced      bool  `json:"unsynced,omitempty"`
	TimeoutMillis int64 `json:"timeout_ms,omitempty"`      // 0 is 1,000
	MaxValueBytes int64 `json:"max_value_bytes,omitempty"` // 0 is 16 MiB
	TransferMiBps int   `json:"transfer_mibps,omitempty"`  // what a node sends and takes in layout changes; 0 is 64
	GraceMillis   int64 `json:"grace_ms,omitempty"`        // how old what is deleted must be to be reaped; 0 is a day
	SkewMillis    int64 `json:"skew_ms,omitempty"`         // how far a node's clock may be off its peers' before it takes no writes; 0 is 1 minute
	SilentMillis  int64 `json:"silent_ms,omitempty"`       // after how long a silent newcomer is amended away; 0 is 5 minutes
}
