package ring

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
	Expelled   []NodeID `json:"expelled,omitempty"` // refused for ever

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
}

// Entry is one partition's row of the layout.
type Entry struct {
	Serving []NodeID `json:"serving"`         // reads and mints
	Next    []NodeID `json:"next,omitempty"`  // in a change: who will serve
	Phase   Phase    `json:"phase,omitempty"` // in a change: how far it is
	Changed uint64   `json:"changed"`         // the document version that last changed this entry
}

// Phase is how far a partition's change is (design R4).
type Phase string

// The phases of an entry. Only the first occurs while layouts do not change.
const (
	PhaseSteady Phase = ""
)

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
}

// Settings are the cluster's own.
type Settings struct {
	AutoBuckets   bool  `json:"auto_buckets"` // first use makes a bucket, by decision
	R             int   `json:"r,omitempty"`  // default knobs, as in package request
	W             int   `json:"w,omitempty"`
	Strict        bool  `json:"strict,omitempty"`
	Unsynced      bool  `json:"unsynced,omitempty"`
	TimeoutMillis int64 `json:"timeout_ms,omitempty"`      // 0 is 1,000
	MaxValueBytes int64 `json:"max_value_bytes,omitempty"` // 0 is 16 MiB
}
