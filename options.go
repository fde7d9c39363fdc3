package henge

import (
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"net"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hengedb/henge/replication"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// Options say what a node is. The zero value is a cluster of one that listens on
// nothing and keeps its files where Open is told to.
type Options struct {
	Name string // shown to people; empty is the node's id
	Zone string // replicas of a partition are kept in distinct zones

	// Addresses to listen on, host:port; empty is none. Without RPC and Gossip the
	// node is alone. Port 0 picks a free one: see Node.Addrs.
	HTTP   string
	RPC    string
	Gossip string

	// Join names gossip addresses of a cluster to become part of. Without any, a
	// store that belongs to no cluster yet begins one.
	Join []string
	// Init begins a cluster although Join names seeds, once Expect nodes have found
	// this one; exactly one node of a new cluster is started so.
	Init   bool
	Expect int // 0 is 1

	// AutoJoin has a new cluster take in nodes that find it by themselves: the first
	// value of its setting auto_join, which can be changed at any time. It matters only
	// to the node that begins the cluster.
	AutoJoin bool

	// Partitions is Q, a power of two, at least 8 for each node expected, fixed for
	// the cluster's life; 0 is 256. Replicas is N; 0 is 3. Both matter only to the
	// node that begins the cluster.
	Partitions int
	Replicas   int

	// ExchangeEvery is how often, about, each partition is compared with another of its
	// replicas, so that they become equal without any client; 0 is a minute, negative is
	// never.
	ExchangeEvery time.Duration
	// ReapEvery is how often the node looks for what is deleted and old enough to be
	// removed for good (settings, grace_ms). 0 is 10 seconds.
	ReapEvery time.Duration

	MaxInFlight int   // client requests at work at once; 0 is 1,024
	CacheBytes  int64 // of the store's block cache; 0 is the store's default
	Pprof       bool  // serve /debug/pprof over HTTP
	// LocalGossip tunes gossip for nodes on one machine: a death is noticed within
	// about two seconds, at the price of more packets.
	LocalGossip bool

	Version  string               // of the program, shown in status
	Logger   *slog.Logger         // nil discards
	Registry *prometheus.Registry // nil is one of the node's own

	Seams Seams
}

// Seams are what a simulation replaces. Zero fields are the real ones.
type Seams struct {
	FS         vfs.FS
	Network    rpc.Network
	Membership func(self ring.Peer) (replication.Membership, error) // nil is gossip
	Clock      clock.Clock
	Seed       uint64 // of every random choice; 0 seeds from the system
}

// The sizes of a new cluster when nobody says otherwise. 256 partitions spread
// evenly over up to 32 nodes; fewer would be lumpy, more cost memory for nothing.
const (
	defaultPartitions = 256
	defaultReplicas   = 3
	maxPartitions     = 1 << 16
)

// maxName bounds what a node is called and where it stands: gossip carries both in
// a packet's 512 bytes, with three addresses and a document's name.
const maxName = 64

// EnsureDefaults fills in what may be left zero.
func (o *Options) EnsureDefaults() {
	if o.Expect == 0 {
		o.Expect = 1
	}
	if o.Partitions == 0 {
		o.Partitions = defaultPartitions
	}
	if o.Replicas == 0 {
		o.Replicas = defaultReplicas
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Seams.FS == nil {
		o.Seams.FS = vfs.Default
	}
	if o.Seams.Network == nil {
		o.Seams.Network = rpc.TCP{}
	}
	if o.Seams.Clock == nil {
		o.Seams.Clock = clock.System{}
	}
}

// Validate tells everything that is wrong.
func (o *Options) Validate() error {
	var errs []error
	for _, word := range []struct{ what, text string }{{"name", o.Name}, {"zone", o.Zone}} {
		if len(word.text) > maxName || !utf8.ValidString(word.text) {
			errs = append(errs, fmt.Errorf("%s of %d bytes: want at most %d of text", word.what, len(word.text), maxName))
		}
	}
	for _, listen := range []struct{ name, addr string }{{"HTTP", o.HTTP}, {"RPC", o.RPC}, {"Gossip", o.Gossip}} {
		if listen.addr == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(listen.addr); err != nil {
			errs = append(errs, fmt.Errorf("%s address %q: want host:port", listen.name, listen.addr))
		}
	}
	if q := o.Partitions; q < 8 || q > maxPartitions || bits.OnesCount(uint(q)) != 1 {
		errs = append(errs, fmt.Errorf("partitions %d: want a power of two from 8 to %d", q, maxPartitions))
	}
	if o.Replicas < 1 || o.Replicas > 64 {
		errs = append(errs, fmt.Errorf("replicas %d: want 1 to 64", o.Replicas))
	}
	if o.Expect < 1 || o.Expect*8 > o.Partitions {
		errs = append(errs, fmt.Errorf("expect %d: want 1 to %d, an eighth of the partitions", o.Expect, o.Partitions/8))
	}
	if o.Expect > 1 && !o.Init {
		errs = append(errs, errors.New("expect is for the one node that begins the cluster: set Init too"))
	}
	if (len(o.Join) > 0 || o.Expect > 1) && (o.RPC == "" || o.Gossip == "") {
		errs = append(errs, errors.New("a node of a cluster needs an RPC and a Gossip address"))
	}
	if (o.RPC == "") != (o.Gossip == "") {
		errs = append(errs, errors.New("RPC and Gossip addresses go together"))
	}
	return errors.Join(errs...)
}
