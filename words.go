package henge

import (
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// ReadOptions are the knobs of one read; zero fields are the bucket's or cluster's.
type ReadOptions = request.ReadOptions

// WriteOptions are the knobs of one put or delete, and what describes its value.
type WriteOptions = request.WriteOptions

// ScanOptions bound a listing of keys.
type ScanOptions = request.ScanOptions

// Value is what a key holds: one sibling, or several that nobody has merged yet.
type Value = request.Value

// Sibling is one of the values a key holds.
type Sibling = request.Sibling

// Entry is one key of a listing.
type Entry = request.Entry

// Receipt says what an acknowledged write rests on.
type Receipt = request.Receipt

// Context is what a read saw, for the write that replaces it.
type Context = request.Context

// Count is a number of replicas: a positive one, Quorum or All.
type Count = request.Count

// Switch is a yes or no that may be left to the bucket and the cluster.
type Switch = request.Switch

// QuorumError says that fewer nodes than needed answered, and what each said.
type QuorumError = request.QuorumError

// ReplicaResult is one node's part in a request.
type ReplicaResult = request.ReplicaResult

// Outcome says what a failed write may have left behind; OutcomeOf finds it.
type Outcome = request.Outcome

// Status is the cluster as one node sees it.
type Status = request.Status

// Settings hold for a whole cluster.
type Settings = ring.Settings

// Explanation is why a key is what it is.
type Explanation = request.Explanation

// The knobs' words.
const (
	Quorum = request.Quorum // a majority of the replicas
	All    = request.All    // every replica
	On     = request.On
	Off    = request.Off
)

// NoTTL is the TTL of a value that never expires, whatever its bucket's default is.
const NoTTL = request.NoTTL

// The outcomes of a write.
const (
	Done    = request.Done    // it was acknowledged
	None    = request.None    // no replica can hold it: retry freely
	Unknown = request.Unknown // some replica may hold it: retry with the same operation id
)

// OutcomeOf says what a write that ended with err left behind.
func OutcomeOf(err error) Outcome { return request.OutcomeOf(err) }

// The errors a caller may want to tell apart.
var (
	ErrNotFound        = request.ErrNotFound        // the key holds no value
	ErrBadKey          = request.ErrBadKey          // it is empty or too long
	ErrBadBucket       = request.ErrBadBucket       // the name is none
	ErrNoBucket        = request.ErrNoBucket        // it does not exist, and first use does not make it
	ErrBucketExists    = request.ErrBucketExists    // and has another policy or other properties
	ErrBadKnob         = request.ErrBadKnob         // an option contradicts another, or the cluster
	ErrBadContext      = request.ErrBadContext      // it is damaged, or of another key
	ErrBadValue        = request.ErrBadValue        // content type or metadata
	ErrTooLarge        = request.ErrTooLarge        // the value is
	ErrPrecondition    = request.ErrPrecondition    // IfMatch or IfNoneMatch does not hold
	ErrContextRequired = request.ErrContextRequired // by the bucket's properties
	ErrSiblingLimit    = request.ErrSiblingLimit    // merge them first
	ErrQuorum          = request.ErrQuorum          // every QuorumError is one
	ErrTimeout         = request.ErrTimeout
	ErrOverload        = request.ErrOverload    // too many requests are at work
	ErrNotReady        = request.ErrNotReady    // no document yet, or shutting down
	ErrFull            = request.ErrFull        // the disk is short of room
	ErrStoreFailed     = request.ErrStoreFailed // the disk failed: see Node.Done
	ErrCorrupt         = request.ErrCorrupt     // the key's copy here is damaged
	ErrClosed          = request.ErrClosed
)
