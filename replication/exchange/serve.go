package exchange

import (
	"context"
	"errors"
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// errNotHere refuses what this node cannot answer for by its document.
var errNotHere = errors.New("this node does not serve the partition, or by a newer document only")

// Handle answers another node's Ask. The caller has seen to it that this node's document
// is not older than the asker's, whose version is given.
func (x *Exchange) Handle(ctx context.Context, document uint64, body []byte) ([]byte, error) {
	a, err := decodeAsk(body)
	if err != nil {
		return nil, err
	}
	doc, err := x.answers(a.partition, document)
	if err != nil {
		return nil, err
	}
	var answer []byte
	switch a.kind {
	case kindRoot:
		answer, err = x.serveRoot(ctx, a)
	case kindDigests:
		answer, err = x.serveDigests(ctx, doc, a)
	default:
		answer, err = x.serveFetch(ctx, doc, a)
	}
	if err != nil {
		return nil, err
	}
	if _, err := x.answers(a.partition, document); err != nil { // R3: it may have moved while this node read
		return nil, err
	}
	return answer, nil
}

// answers says why this node cannot answer an ask made by a document (R3).
func (x *Exchange) answers(p ring.Partition, document uint64) (*ring.Document, error) {
	doc := x.o.Cluster.Document()
	if doc == nil || int(p) >= doc.Partitions || doc.Version < document {
		return nil, errNotHere
	}
	if e := doc.Entry(p); !slices.Contains(e.Serving, x.self) || e.Changed > document {
		return nil, errNotHere
	}
	return doc, nil
}

// serveRoot compares a root with this node's. That they are equal it says after a sync
// (R2).
func (x *Exchange) serveRoot(ctx context.Context, a *ask) ([]byte, error) {
	root, known := x.o.Store.TreeRoot(a.partition)
	if known && root == a.root {
		return encodeRoot(verdictEqual, nil), x.o.Store.Barrier(ctx)
	}
	leaves, known := x.o.Store.TreeLeaves(a.partition)
	if !known {
		return encodeRoot(verdictUnknown, nil), nil
	}
	return encodeRoot(verdictDiffer, leaves), nil
}

// serveDigests reads one piece. That the digests are of what this node holds it says
// after a sync (R2): the asker takes what is equal for held.
func (x *Exchange) serveDigests(ctx context.Context, doc *ring.Document, a *ask) ([]byte, error) {
	if a.after != (storage.Key{}) && a.after.Position().Partition(doc.Partitions) != a.partition {
		return nil, errMessage
	}
	if err := x.pace.Wait(ctx); err != nil {
		return nil, err
	}
	rows, more, err := x.rows(ctx, doc, a.partition, &a.segments, a.after)
	if err != nil {
		return nil, err
	}
	return encodeRows(rows, more), x.o.Store.Barrier(ctx)
}

// serveFetch reads the first of the wanted objects, as many as fit into a piece.
func (x *Exchange) serveFetch(ctx context.Context, doc *ring.Document, a *ask) ([]byte, error) {
	if err := x.pace.Wait(ctx); err != nil {
		return nil, err
	}
	size := 0
	var objects []*causal.Object
	for _, k := range a.keys {
		if k.Position().Partition(doc.Partitions) != a.partition {
			return nil, errMessage
		}
		o, err := x.o.Store.Read(ctx, k)
		if err != nil {
			return nil, err
		}
		if size += sizeOf(o); len(objects) > 0 && size > pieceBytes {
			break
		}
		objects = append(objects, o)
	}
	x.pace.Pay(size)
	return encodeObjects(objects), nil
}
