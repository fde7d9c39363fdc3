package replication

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/storage"
)

// A request that is refused for what it asks makes no bucket; one that is not, does.
func TestARefusedRequestMakesNoBucket(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		doc := n.agent.Document().Clone()
		doc.Version++
		doc.Settings.AutoBuckets, doc.Settings.MaxValueBytes = true, 10
		doc, err := doc.Seal()
		if err != nil || n.agent.Adopt(t.Context(), doc.Raw()) != nil {
			t.Fatal(err)
		}
		token := n.mustPut(t, "k", "v", request.WriteOptions{}).Context
		put := func(value string, o request.WriteOptions) error {
			_, err := n.Put(t.Context(), "new", "k", []byte(value), o)
			return err
		}
		get := func(key string, o request.ReadOptions) error {
			_, err := n.Get(t.Context(), "new", key, o)
			return err
		}
		for name, tc := range map[string]struct{ err, want error }{
			"a w above the replicas":           {put("v", request.WriteOptions{W: 3}), request.ErrBadKnob},
			"a timeout that is none":           {put("v", request.WriteOptions{Timeout: -1}), request.ErrBadKnob},
			"a value over the limit":           {put("more than ten bytes", request.WriteOptions{}), request.ErrTooLarge},
			"an operation id over the limit":   {put("v", request.WriteOptions{OpID: strings.Repeat("o", 200)}), request.ErrBadValue},
			"a context, which is of no bucket": {put("v", request.WriteOptions{Context: token}), request.ErrNotReady},
			"an r above the replicas":          {get("k", request.ReadOptions{R: 3}), request.ErrBadKnob},
			"a key that is none":               {get("", request.ReadOptions{}), request.ErrBadKey},
		} {
			if !errors.Is(tc.err, tc.want) || request.OutcomeOf(tc.err) != request.None {
				t.Errorf("%s: %v, want %v", name, tc.err, tc.want)
			}
		}
		if _, made := n.agent.Document().Bucket("new"); made {
			t.Fatal("a refused request made a bucket")
		}
		if err := put("v", request.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		if b, made := n.agent.Document().Bucket("new"); !made || b.Generation == 0 {
			t.Error("a put made no bucket")
		}
	})
}

// The first document is held a moment before the store goes by it: who asks then is told
// to ask again, and knows that nothing was written.
func TestAStoreWithoutADocumentIsNotReady(t *testing.T) {
	store, err := storage.Open("store", storage.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, err = store.Write(t.Context(), storage.Key{Bucket: "default", Key: "k"}, storage.KindPut, func(*storage.Tx) error { return nil })
	if err = refusal(err); !errors.Is(err, request.ErrNotReady) || request.OutcomeOf(err) != request.None {
		t.Errorf("%v, outcome %s", err, request.OutcomeOf(err))
	}
}
