package transfer

import (
	"context"
	"fmt"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// Piece is how far a Pull has come.
type Piece struct {
	Last  storage.Key // the last one looked at: zero when there was none
	More  bool        // others follow
	Bytes int         // taken in
}

// Pull takes the next piece of what a replica holds of a partition, behind a key, and
// hands the objects to join: all of them, or, where differs is given, those of whose
// digests it says so. It takes what it moves from the budget of transfers.
func (t *Transfer) Pull(ctx context.Context, from ring.NodeID, p ring.Partition, after storage.Key, differs func(storage.Key, causal.Digest) (bool, error), join func(storage.Key, *causal.Object) error) (Piece, error) {
	if err := t.o.Budget.Wait(ctx); err != nil {
		return Piece{}, err
	}
	head, rows, err := t.askWithin(ctx, from, ask{Kind: kindPage, Partition: p, After: placeOf(after), Digests: differs != nil}, nil)
	if err != nil {
		return Piece{}, err
	}
	t.pieces.Add(1)
	piece := Piece{More: head.More && len(rows) > 0}
	if len(rows) > 0 {
		piece.Last = rows[len(rows)-1].key
	}
	if differs == nil {
		return piece, t.handOver(&piece, rows, join)
	}
	var want []row
	for _, r := range rows {
		other, err := differs(r.key, r.digest)
		if err != nil {
			return piece, err
		}
		if other {
			want = append(want, row{key: r.key})
		}
	}
	for len(want) > 0 {
		if err := t.o.Budget.Wait(ctx); err != nil {
			return piece, err
		}
		_, got, err := t.askWithin(ctx, from, ask{Kind: kindFetch, Partition: p}, want)
		if err != nil {
			return piece, err
		}
		if len(got) == 0 || len(got) > len(want) {
			return piece, fmt.Errorf("%w: %d objects of %d", errMessage, len(got), len(want))
		}
		if err := t.handOver(&piece, got, join); err != nil {
			return piece, err
		}
		want = want[len(got):]
	}
	return piece, nil
}

// handOver hands the objects of rows to join, and pays for them.
func (t *Transfer) handOver(piece *Piece, rows []row, join func(storage.Key, *causal.Object) error) error {
	for _, r := range rows {
		if r.object == nil {
			continue
		}
		if err := join(r.key, r.object); err != nil {
			return err
		}
	}
	n := sizes(rows)
	t.o.Budget.Pay(n)
	t.bytesIn.Add(int64(n))
	piece.Bytes += n
	return nil
}

// Forget has a partition copied anew that this node copies: what it had is gone.
func (t *Transfer) Forget(ctx context.Context, p ring.Partition) error {
	t.mu.Lock()
	delete(t.copies, p)
	t.mu.Unlock()
	raw, err := t.o.Store.Meta(metaName(p))
	if err != nil || len(raw) == 0 {
		return err
	}
	return t.o.Store.SaveMeta(ctx, metaName(p), nil)
}
