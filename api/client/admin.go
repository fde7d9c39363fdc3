package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Status tells the cluster as one node sees it: the first of Options.URLs that
// answers.
func (c *Client) Status(ctx context.Context) (request.Status, error) {
	var status request.Status
	err := c.show(ctx, &operation{verb: "status", path: wire.Cluster, raw: wire.Cluster}, &status)
	return status, err
}

// Layout tells which members hold which partition, as one node sees it.
func (c *Client) Layout(ctx context.Context) (request.Layout, error) {
	var layout request.Layout
	err := c.show(ctx, &operation{verb: "layout", path: wire.Layout, raw: wire.Layout}, &layout)
	return layout, err
}

// LayoutProgress is Layout and, where a change is in flight, how far each member is and
// what the change waits for: the node that answers asks all of them.
func (c *Client) LayoutProgress(ctx context.Context) (request.Layout, error) {
	var layout request.Layout
	err := c.show(ctx, &operation{verb: "layout", path: wire.Layout, raw: wire.Layout, query: wire.Progress, patience: c.timeout / 2}, &layout)
	return layout, err
}

// Explain tells why a key is what it is: who should hold it, who does, in which
// versions, and what reads would find now.
func (c *Client) Explain(ctx context.Context, bucket, key string) (request.Explanation, error) {
	op, err := c.Bucket(bucket).operation("explain", http.MethodGet, key, 0)
	if err != nil {
		return request.Explanation{}, err
	}
	op.path, op.raw = wire.ExplainPath(bucket, key)
	op.patience = c.timeout / 2 // it asks every replica, and waits for the slowest
	var explanation wire.Explanation
	if err := c.show(ctx, op, &explanation); err != nil {
		return request.Explanation{}, err
	}
	return explanation.Request(), nil
}

// Verify compares what the replicas of a part of a partition hold; Next of the answer,
// as After of the next call, goes on to its end.
func (c *Client) Verify(ctx context.Context, o request.VerifyOptions) (request.Verification, error) {
	var v wire.Verification
	op := &operation{verb: "verify", method: http.MethodPost, path: wire.Verify, raw: wire.Verify}
	if err := c.edit(ctx, op, o, &v); err != nil {
		return request.Verification{}, err
	}
	return v.Request(), nil
}

// Buckets lists every bucket with its properties, by name.
func (c *Client) Buckets(ctx context.Context) ([]BucketProperties, error) {
	var listing wire.Buckets
	err := c.show(ctx, &operation{verb: "buckets", path: wire.AllBuckets, raw: wire.AllBuckets}, &listing)
	return listing.Buckets, err
}

// BucketProperties tells what a bucket is. It fails with request.ErrNoBucket where
// there is none of this name.
func (c *Client) BucketProperties(ctx context.Context, name string) (BucketProperties, error) {
	var b BucketProperties
	op, err := bucketOperation("bucket", name)
	if err == nil {
		err = c.show(ctx, op, &b)
	}
	return b, err
}

// CreateBucket makes a bucket and returns it. Making one that is there and equal is no
// error; one that differs in anything is request.ErrBucketExists.
func (c *Client) CreateBucket(ctx context.Context, name string, p BucketChange) (BucketProperties, error) {
	return c.putBucket(ctx, "create bucket", name, "If-None-Match", p)
}

// SetBucket changes a bucket and returns it. It fails with request.ErrNoBucket where
// there is none, and with request.ErrBucketExists for another policy.
func (c *Client) SetBucket(ctx context.Context, name string, p BucketChange) (BucketProperties, error) {
	return c.putBucket(ctx, "set bucket", name, "If-Match", p)
}

// DropBucket drops a bucket with all that is in it: the one that is there when it is
// called, however often that must be tried. It fails with request.ErrNoBucket where there
// is none.
func (c *Client) DropBucket(ctx context.Context, name string) error {
	b, err := c.BucketProperties(ctx, name)
	if err != nil {
		return err
	}
	op, err := bucketOperation("drop bucket", name)
	if err != nil {
		return err
	}
	op.method, op.query = http.MethodDelete, fmt.Sprintf("generation=%d", b.Generation)
	return c.edit(ctx, op, nil, nil)
}

func (c *Client) putBucket(ctx context.Context, verb, name, condition string, p BucketChange) (BucketProperties, error) {
	var b BucketProperties
	op, err := bucketOperation(verb, name)
	if err != nil {
		return b, err
	}
	op.method, op.header = http.MethodPut, http.Header{condition: {"*"}}
	return b, c.edit(ctx, op, p, &b)
}

func bucketOperation(verb, name string) (*operation, error) {
	if err := request.CheckBucket(name); err != nil {
		return nil, err
	}
	op := &operation{verb: verb, bucket: name}
	op.path, op.raw = wire.BucketPath(name)
	return op, nil
}

// Settings tells the cluster's own settings.
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	var s Settings
	err := c.show(ctx, &operation{verb: "settings", path: wire.ClusterSettings, raw: wire.ClusterSettings}, &s)
	return s, err
}

// SetSettings changes the cluster's settings and returns them.
func (c *Client) SetSettings(ctx context.Context, change SettingsChange) (Settings, error) {
	var s Settings
	op := &operation{verb: "set settings", method: http.MethodPut, path: wire.ClusterSettings, raw: wire.ClusterSettings}
	return s, c.edit(ctx, op, change, &s)
}

// Governor tells how the budget of a node's background work stands: of the first URL
// that answers.
func (c *Client) Governor(ctx context.Context) (request.Governor, error) {
	var g request.Governor
	err := c.show(ctx, &operation{verb: "governor", path: wire.NodeGovernor, raw: wire.NodeGovernor}, &g)
	return g, err
}

// Govern pauses, resumes and sets the budget of a node's background work, and returns
// how it stands then. It is meant for one node: make the client of its URL, and Pinned.
func (c *Client) Govern(ctx context.Context, change request.Govern) (request.Governor, error) {
	var g request.Governor
	op := &operation{verb: "governor", method: http.MethodPut, path: wire.NodeGovernor, raw: wire.NodeGovernor}
	return g, c.edit(ctx, op, change, &g)
}

// Salvage lists what a node has set aside, and how far its fenced partitions are: of the
// first URL that answers. It and its kin are meant for one node, as Govern is.
func (c *Client) Salvage(ctx context.Context) (request.Salvage, error) {
	var s request.Salvage
	err := c.show(ctx, &operation{verb: "salvage", path: wire.Salvage, raw: wire.Salvage}, &s)
	return s, err
}

// Lacking looks through a part of a set for values that the replicas do not know; Next of
// the answer, as After of the next call, goes on to its end.
func (c *Client) Lacking(ctx context.Context, o request.SalvageOptions) (request.Salvaged, error) {
	return c.salvaged(ctx, wire.SalvageLacking, o)
}

// RestoreSet is Lacking, and writes those values back.
func (c *Client) RestoreSet(ctx context.Context, o request.SalvageOptions) (request.Salvaged, error) {
	return c.salvaged(ctx, wire.SalvageRestore, o)
}

func (c *Client) salvaged(ctx context.Context, path string, o request.SalvageOptions) (request.Salvaged, error) {
	var s wire.Salvaged
	op := &operation{verb: "salvage", method: http.MethodPost, path: path, raw: path}
	if err := c.edit(ctx, op, o, &s); err != nil {
		return request.Salvaged{}, err
	}
	return s.Request(), nil
}

// DiscardSet forgets a set for ever.
func (c *Client) DiscardSet(ctx context.Context, set uint32) error {
	return c.change(ctx, "salvage", http.MethodPost, wire.SalvageDiscard, wire.Discarded{Set: set})
}

// OpenFenced has a node serve a fenced partition that nobody is left to fill.
func (c *Client) OpenFenced(ctx context.Context, p ring.Partition) error {
	return c.change(ctx, "salvage", http.MethodPost, wire.SalvageOpen, wire.Opened{Partition: p})
}

// Stage adds steps to the staged ones. Nothing moves before Apply.
func (c *Client) Stage(ctx context.Context, steps []request.LayoutStep) error {
	return c.change(ctx, "stage", http.MethodPost, wire.Stage, wire.Steps{Steps: steps})
}

// Unstage forgets all staged steps.
func (c *Client) Unstage(ctx context.Context) error {
	return c.change(ctx, "unstage", http.MethodDelete, wire.Stage, nil)
}

// Plan tells what the staged steps would do.
func (c *Client) Plan(ctx context.Context) (request.Plan, error) {
	var plan request.Plan
	err := c.show(ctx, &operation{verb: "plan", path: wire.Plan, raw: wire.Plan, patience: c.timeout / 2}, &plan)
	return plan, err
}

// Apply does what the plan of this hash told. It fails with request.ErrStalePlan when
// that is not the staged one any more.
func (c *Client) Apply(ctx context.Context, hash string) error {
	return c.change(ctx, "apply", http.MethodPost, wire.Apply, wire.Applied{Plan: hash})
}

// PauseChange holds the change in flight where it is.
func (c *Client) PauseChange(ctx context.Context) error {
	return c.change(ctx, "pause", http.MethodPost, wire.Pause, nil)
}

// ResumeChange lets a paused change go on.
func (c *Client) ResumeChange(ctx context.Context) error {
	return c.change(ctx, "resume", http.MethodPost, wire.Resume, nil)
}

// RevertChange goes back to what served before the change in flight.
func (c *Client) RevertChange(ctx context.Context) error {
	return c.change(ctx, "revert", http.MethodPost, wire.Revert, nil)
}

// AmendChange has the change in flight go on without a member that died for ever; with,
// unless it is empty, is a newcomer in its place. Both are names or ids.
func (c *Client) AmendChange(ctx context.Context, gone, with string) error {
	return c.change(ctx, "amend", http.MethodPost, wire.Amend, wire.Amended{Without: gone, With: with})
}

// ForceLayout gives up members that are lost together with a majority, by names or ids.
// yes is the cluster's id.
func (c *Client) ForceLayout(ctx context.Context, lost []string, yes string) error {
	return c.change(ctx, "force", http.MethodPost, wire.Force, wire.Forced{Lost: lost, Yes: yes})
}

func (c *Client) change(ctx context.Context, verb, method, path string, document any) error {
	return c.edit(ctx, &operation{verb: verb, method: method, path: path, raw: path}, document, nil)
}

// BucketProperties are what a bucket is.
type BucketProperties = wire.Bucket

// BucketChange says what a bucket shall be; what is nil stays as it is.
type BucketChange = wire.BucketChange

// Settings are the cluster's own.
type Settings = wire.Settings

// SettingsChange says what the settings shall be; what is nil stays as it is.
type SettingsChange = wire.SettingsChange

// edit sends a document and reads the answer into another, unless it is nil. Every edit
// may be sent again: a node that finds it decided says so.
func (c *Client) edit(ctx context.Context, op *operation, document, into any) error {
	if document != nil {
		body, err := json.Marshal(document)
		if err != nil {
			return fmt.Errorf("%s: %w", op.verb, err)
		}
		if op.header == nil {
			op.header = http.Header{}
		}
		op.body = body
		op.header["Content-Type"] = []string{"application/json"}
	}
	op.write = true
	op.patience = c.timeout / 2 // the voters may have to settle others first
	r, err := c.do(ctx, op)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		return fmt.Errorf("%s: %w: %w", op.verb, errAnswer, err)
	}
	return nil
}

// show reads a document.
func (c *Client) show(ctx context.Context, op *operation, into any) error {
	op.method = http.MethodGet
	op.seeds = op.verb != "explain"
	if op.patience == 0 {
		op.patience = patience(0)
	}
	r, err := c.do(ctx, op)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		return fmt.Errorf("%s: %w: %w", op.verb, errAnswer, err)
	}
	return nil
}
