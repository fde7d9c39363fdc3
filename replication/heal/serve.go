package heal

import (
	"context"
	"errors"
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// errNotHere refuses what this node cannot answer for by its document.
var errNotHere = errors.New("this node does not serve the partition, or by a newer document only")

// Handle answers another node's Ask. The caller has seen to it that this node's document
// is not older than the asker's, whose version is given.
func (h *Heal) Handle(ctx context.Context, document uint64, body []byte) ([]byte, error) {
	a, err := decodeAsk(body)
	if err != nil {
		return nil, err
	}
	if err := h.answers(a, document); err != nil {
		return nil, err
	}
	if err := h.o.Pace.Wait(ctx); err != nil {
		return nil, err
	}
	var got answer
	got.rows, got.more, err = h.o.Store.ObjectPage(ctx, a.first, a.last, a.after, pieceRows, pieceBytes)
	switch {
	case errors.Is(err, storage.ErrCorrupt):
		return (&answer{verdict: verdictDamaged}).encode(), nil
	case err != nil:
		return nil, err
	}
	if err := h.answers(a, document); err != nil { // R3: it may have moved while this node read
		return nil, err
	}
	raw := got.encode()
	h.o.Pace.Pay(len(raw))
	return raw, h.o.Store.Barrier(ctx) // R2: the asker gives up what it cannot read on the strength of this
}

// answers says why this node cannot answer an ask made by a document (R3).
func (h *Heal) answers(a *ask, document uint64) error {
	doc := h.o.Cluster.Document()
	if doc == nil || int(a.partition) >= doc.Partitions || doc.Version < document {
		return errNotHere
	}
	if e := doc.Entry(a.partition); !slices.Contains(e.Serving, h.self) || e.Changed > document {
		return errNotHere
	}
	if first, last := a.partition.Range(doc.Partitions); a.first < first || a.last > last || !between(a.after, first, last) {
		return errMessage
	}
	return nil
}

// between reports whether a key is none, or lies between two positions.
func between(k storage.Key, first, last ring.Position) bool {
	return k == (storage.Key{}) || k.Position() >= first && k.Position() <= last
}
