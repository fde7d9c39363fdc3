package api

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"math/rand/v2"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Keys serves the requests of all buckets. replication.Coordinator is one.
type Keys interface {
	Get(ctx context.Context, bucket, key string, o request.ReadOptions) (request.Value, error)
	Put(ctx context.Context, bucket, key string, value []byte, o request.WriteOptions) (request.Receipt, error)
	Delete(ctx context.Context, bucket, key string, o request.WriteOptions) (request.Receipt, error)
	Scan(ctx context.Context, bucket string, o request.ScanOptions) iter.Seq2[request.Entry, error]
}

// Admin tells about the node and its cluster, and changes what is decided for it. replication.Coordinator is one.
type Admin interface {
	Explain(ctx context.Context, bucket, key string) (request.Explanation, error)
	Status(ctx context.Context) request.Status
	Layout() request.Layout
	Buckets() ([]ring.Bucket, error)
	Bucket(name string) (ring.Bucket, error)
	CreateBucket(ctx context.Context, b ring.Bucket) (ring.Bucket, error)
	SetBucket(ctx context.Context, name string, change func(ring.Bucket) (ring.Bucket, error)) (ring.Bucket, error)
	// DropBucket drops a bucket: the one of this generation, unless that is 0.
	DropBucket(ctx context.Context, name string, generation uint64) error
	Settings() (ring.Settings, error)
	SetSettings(ctx context.Context, change func(ring.Settings) (ring.Settings, error)) (ring.Settings, error)
	// Verify compares what the replicas of a part of a partition hold.
	Verify(ctx context.Context, o request.VerifyOptions) (request.Verification, error)
	Ready() error // nil, or what the node is waiting for
}

// Changer changes who holds what. An Admin that is none serves no layout verbs.
type Changer interface {
	// LayoutProgress is Layout and how far each node is in the change in flight.
	LayoutProgress(ctx context.Context) request.Layout
	// Stage adds steps to those that are staged; Unstage forgets all of them.
	Stage(ctx context.Context, steps []request.LayoutStep) error
	Unstage(ctx context.Context) error
	// Plan tells what the staged steps would do; Apply does what the plan of this hash
	// told.
	Plan(ctx context.Context) (request.Plan, error)
	Apply(ctx context.Context, hash string) error
	PauseChange(ctx context.Context) error
	ResumeChange(ctx context.Context) error
	RevertChange(ctx context.Context) error
	// AmendChange goes on without a node that died, and with another newcomer unless that
	// is empty.
	AmendChange(ctx context.Context, gone, with string) error
	// ForceLayout gives up members that are lost together with a majority; yes is the
	// cluster's id.
	ForceLayout(ctx context.Context, lost []string, yes string) error
}

// Governed holds back background work. An Admin that is none serves no governor.
type Governed interface {
	GovernorStatus() request.Governor
	// Govern pauses, resumes and sets a budget, on this node and at once.
	Govern(change request.Govern) (request.Governor, error)
}

// Salvager keeps what a node that had lost memory of partitions has set aside. An Admin
// that is none serves no salvage.
type Salvager interface {
	Salvage() (request.Salvage, error)
	// Lacking looks for values of a set that the replicas do not know; RestoreSet writes
	// them back.
	Lacking(ctx context.Context, o request.SalvageOptions) (request.Salvaged, error)
	RestoreSet(ctx context.Context, o request.SalvageOptions) (request.Salvaged, error)
	DiscardSet(ctx context.Context, set uint32) error
	// OpenFenced has a node serve a partition that nobody is left to fill.
	OpenFenced(ctx context.Context, p ring.Partition) error
}

// Options configure a Server. Keys and Admin must be set.
type Options struct {
	Keys     Keys
	Admin    Admin
	Registry *prometheus.Registry // takes the server's metrics and is shown at /metrics; nil: one of its own
	Logger   *slog.Logger         // nil discards
	Pprof    bool                 // serve /debug/pprof/
	MaxValue func() int64         // the largest value in bytes, asked for every put; nil: request.MaxValue
	// MaxBodies bounds the bytes of all values being received at once; what would go
	// beyond is refused as overload. 0 is DefaultMaxBodies.
	MaxBodies int64
	Rand      func() uint64 // makes trace ids; nil: the runtime's source
}

// DefaultMaxBodies holds 16 of the largest values, or a quarter of a million of the
// usual ones: enough to keep a disk busy, little beside a server's memory.
const DefaultMaxBodies = 256 << 20

// EnsureDefaults fills what is left out.
func (o *Options) EnsureDefaults() {
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxValue == nil {
		o.MaxValue = func() int64 { return request.MaxValue }
	}
	if o.MaxBodies == 0 {
		o.MaxBodies = DefaultMaxBodies
	}
	if o.Rand == nil {
		o.Rand = rand.Uint64
	}
}

// Validate joins all that is wrong.
func (o *Options) Validate() error {
	var errs []error
	if o.Keys == nil || o.Admin == nil {
		errs = append(errs, errors.New("a server needs Keys and Admin"))
	}
	if o.MaxBodies < 0 {
		errs = append(errs, errors.New("MaxBodies is negative"))
	}
	return errors.Join(errs...)
}
