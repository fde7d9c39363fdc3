package main

import (
	"context"
	"fmt"

	"github.com/hengedb/henge/api/client"
	"github.com/hengedb/henge/cmd/henge/internal/load"
	"github.com/hengedb/henge/cmd/henge/internal/output"
	"github.com/hengedb/henge/replication/request"
)

// readBack reads every acknowledged record, each through another node in turn.
func (a *app) readBack(ctx context.Context, f *importFlags, l *load.Ledger) (load.Verified, error) {
	nodes, err := f.nodes(ctx)
	if err != nil {
		return load.Verified{}, fmt.Errorf("read back: %w", err)
	}
	a.tell("reading back through %d nodes", len(nodes))
	named := 0
	return load.Verify(ctx, l, nodes, load.Reading{
		Lanes: f.inFlight, Patience: f.patience, Read: f.read(),
		Missing: func(key, why string) {
			if named++; named <= namedLosses {
				a.tell("acknowledged, but not there: %s: %s", output.Key(key), why)
			}
		},
	})
}

// nodes returns the bucket as each ready member serves it.
func (t *bucketTarget) nodes(ctx context.Context) ([]load.Getter, error) {
	s, err := t.status(ctx)
	if err != nil {
		return nil, err
	}
	var nodes []load.Getter
	for _, v := range s.Views {
		if v.Status == nil || !v.Status.Ready {
			continue
		}
		urls := []string{v.URL}
		if v.URL == "" { // the one that was asked, whatever listens for it
			urls = t.urls
		}
		c, err := client.New(client.Options{URLs: urls, Pinned: true})
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, c.Bucket(t.bucket))
	}
	if nodes == nil {
		return nil, request.ErrNotReady
	}
	return nodes, nil
}
