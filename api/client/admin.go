package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
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
