package transfer

import (
	"context"
	"fmt"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// KeyDigest is one key of a partition, and the digest of what a replica holds of it.
type KeyDigest struct {
	Key    storage.Key
	Digest causal.Digest
}

// Digests reads, from a node that serves a partition and that may be this one, the next
// keys after one, in ring order; more says that others follow.
func (t *Transfer) Digests(ctx context.Context, of ring.NodeID, p ring.Partition, after storage.Key) (page []KeyDigest, more bool, err error) {
	head := ask{Kind: kindPage, Partition: p, After: placeOf(after), Digests: true}
	var got answer
	var rows []row
	if of == t.self {
		got, rows, err = t.ownPage(ctx, head)
	} else {
		got, rows, err = t.askWithin(ctx, of, head, nil)
	}
	if err != nil {
		return nil, false, fmt.Errorf("digests of partition %d: %w", p, err)
	}
	page = make([]KeyDigest, len(rows))
	for i, r := range rows {
		page[i] = KeyDigest{r.key, r.digest}
	}
	return page, got.More && len(page) > 0, nil
}

// ownPage is servePage for this node itself, with the checks that another one would meet.
func (t *Transfer) ownPage(ctx context.Context, head ask) (answer, []row, error) {
	doc := t.o.Cluster.Document()
	if doc == nil {
		return answer{}, nil, errNotHere
	}
	if err := t.answers(head, doc.Version); err != nil {
		return answer{}, nil, err
	}
	got, rows, err := t.servePage(ctx, head)
	if err == nil {
		err = t.answers(head, doc.Version) // it may have moved while it was read
	}
	return got, rows, err
}
