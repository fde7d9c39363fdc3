package client

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// Bucket is a namespace of keys. It has the methods of the bucket that an embedded
// node gives out, and their errors; package request defines what both speak.
type Bucket struct {
	c    *Client
	name string
}

// Get reads a key from R replicas. Concurrent writes come back as siblings, not as
// an error. It fails with request.ErrNotFound when no value is shown, though the
// Value then carries the context of a tombstone, and with a *request.QuorumError when
// fewer than R nodes answered in time.
//
// Over HTTP a single value's Modified is exact to the second, and Answers.Replicas is
// empty.
func (b *Bucket) Get(ctx context.Context, key string, o request.ReadOptions) (request.Value, error) {
	op, err := b.operation("get", http.MethodGet, key, o.Timeout)
	if err != nil {
		return request.Value{}, err
	}
	if o.NoValue {
		op.method = http.MethodHead
	}
	op.query = knobsOf("r", o.R, o.Strict, request.Unset)
	if o.Trace != "" {
		op.header = http.Header{wire.Trace: {o.Trace}}
	}
	r, err := b.c.do(ctx, op)
	if err == nil && r.status == http.StatusMultipleChoices && o.NoValue {
		return b.headSiblings(ctx, op)
	}
	if r == nil {
		return request.Value{}, err
	}
	value, malformed := valueOf(r)
	if err == nil {
		err = malformed
	}
	return value, err
}

// headSiblings reads siblings for a caller that wants only what describes them: an
// answer to HEAD has no place for more than one.
func (b *Bucket) headSiblings(ctx context.Context, op *operation) (request.Value, error) {
	op.method = http.MethodGet
	r, err := b.c.do(ctx, op)
	if err != nil {
		return request.Value{}, err
	}
	value, err := valueOf(r)
	for i := range value.Siblings {
		value.Siblings[i].Data = nil
	}
	return value, err
}

// Put stores value under a key and returns once W nodes hold it. With the Context of
// a read it replaces exactly what that read saw; without, what its coordinator holds.
// Do not change value before Put returns. request.OutcomeOf tells of an error whether
// some replica may hold the write.
//
// Over HTTP the receipt's Results are empty, and Created is told for If-None-Match
// only.
func (b *Bucket) Put(ctx context.Context, key string, value []byte, o request.WriteOptions) (request.Receipt, error) {
	return b.write(ctx, "put", http.MethodPut, key, value, o)
}

// Delete removes what the context saw, or, without one, what a read finds now.
// Deleting what is not there is no error.
func (b *Bucket) Delete(ctx context.Context, key string, o request.WriteOptions) (request.Receipt, error) {
	return b.write(ctx, "delete", http.MethodDelete, key, nil, o)
}

// Update reads a key, has merge make one value of its siblings (none when the key
// holds nothing), and writes that with the read's context; again, when others wrote
// meanwhile. merge may run several times and must not keep its argument.
func (b *Bucket) Update(ctx context.Context, key string, merge func([]request.Sibling) ([]byte, error)) (request.Receipt, error) {
	return request.Update(ctx, b, key, merge)
}

func (b *Bucket) write(ctx context.Context, verb, method, key string, value []byte, o request.WriteOptions) (request.Receipt, error) {
	if err := request.CheckWrite(o); err != nil {
		return request.Receipt{}, err
	}
	if method == http.MethodDelete && (o.TTL != 0 || !o.ExpiresAt.IsZero()) {
		return request.Receipt{}, fmt.Errorf("%w: what a delete leaves does not expire", request.ErrBadValue)
	}
	op, err := b.operation(verb, method, key, o.Timeout)
	if err != nil {
		return request.Receipt{}, err
	}
	if o.OpID == "" {
		o.OpID = b.c.newOpID()
	}
	op.write, op.body = true, value
	op.patience += time.Duration(len(value)) * time.Second / slowUpload
	op.query = knobsOf("w", o.W, o.Strict, o.Unsynced)
	op.header = writeHeader(o, len(value))
	r, err := b.c.do(ctx, op)
	if err != nil {
		return request.Receipt{}, err
	}
	return receiptOf(r, o)
}

// slowUpload is a speed in bytes a second at which a large value is still worth
// waiting for.
const slowUpload = 4 << 20

// operation prepares what all verbs of a key share. What any node would refuse is
// refused here.
func (b *Bucket) operation(verb, method, key string, timeout time.Duration) (*operation, error) {
	if err := request.CheckBucket(b.name); err != nil {
		return nil, err
	}
	if err := request.CheckKey(key); err != nil {
		return nil, err
	}
	if err := checkTimeout(timeout); err != nil {
		return nil, err
	}
	op := &operation{verb: verb, bucket: b.name, key: key, method: method, timeout: timeout, patience: patience(timeout)}
	op.path, op.raw = wire.KeyPath(b.name, key)
	return op, nil
}

// patience is half of what the request may take.
func patience(timeout time.Duration) time.Duration {
	if timeout == 0 {
		timeout = request.DefaultTimeout
	}
	return timeout / 2
}

// newOpID makes a random operation id of 32 hexadecimal digits.
func (c *Client) newOpID() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], c.rand())
	binary.BigEndian.PutUint64(raw[8:], c.rand())
	return hex.EncodeToString(raw[:])
}

// knobsOf renders the knobs that are set.
func knobsOf(name string, count request.Count, strict, unsynced request.Switch) string {
	query := ""
	if count != request.Default {
		query = addKnob(query, name, count.String())
	}
	if strict != request.Unset {
		query = addKnob(query, "strict", fmt.Sprint(strict == request.On))
	}
	if unsynced != request.Unset {
		query = addKnob(query, "sync", fmt.Sprint(unsynced == request.Off))
	}
	return query
}

// expectFrom is the size from which a value waits until the node wants it: the
// refusal of a large one should not cost its transport.
const expectFrom = 1 << 20

// writeHeader renders what stands beside a value.
func writeHeader(o request.WriteOptions, size int) http.Header {
	h := http.Header{wire.Idempotency: {o.OpID}}
	set := func(name, value string) {
		if value != "" {
			h[name] = []string{value}
		}
	}
	set("Content-Type", o.ContentType)
	set(wire.Context, string(o.Context))
	set(wire.Trace, o.Trace)
	set("If-Match", quoted(o.IfMatch))
	set("If-None-Match", quoted(o.IfNoneMatch))
	if o.TTL != 0 {
		set(wire.TTL, request.FormatTTL(o.TTL))
	}
	if !o.ExpiresAt.IsZero() {
		set(wire.ExpiresAt, request.FormatExpiresAt(o.ExpiresAt))
	}
	if o.Return {
		set("Prefer", "return=representation")
	}
	if size >= expectFrom {
		set("Expect", "100-continue")
	}
	for name, value := range o.Meta {
		h.Set(wire.MetaPrefix+name, value)
	}
	return h
}

func quoted(tag string) string {
	if tag == "" || tag == "*" {
		return tag
	}
	return wire.Quote(tag)
}
